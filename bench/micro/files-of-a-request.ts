// `npm run bench:files [-- CHECKOUT] [--death]`: which functions, in which files, one warm request of a PHP page runs; or what runs when an idle
// process of PHP is killed, until another has taken its place.

import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { RanFunction } from './coverage-probe.ts';
import { CoveredService } from './covered-service.ts';

/** In which a process that has ended is surely replaced; and every timer has run. */
const deathMs = 4_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { death: { type: 'boolean', default: false } },
});
const checkout = resolve(positionals[0] ?? new URL('../..', import.meta.url).pathname);
const service = await CoveredService.start(checkout, AbortSignal.timeout(120_000));
try {
  const pid = await service.warm();
  service.tell(values.death ? await ofDeath(pid) : await service.ranByRequest());
} finally {
  await service.close();
}

/** What an idle service runs anyway is left out. */
async function ofDeath(pid: number): Promise<RanFunction[]> {
  await service.ranDuring(() => wait(deathMs));
  const idle = await service.ranDuring(() => wait(deathMs));
  const ran = await service.ranDuring(() => {
    process.kill(pid, 'SIGKILL');
    return wait(deathMs);
  });
  return [...ran].filter(([key]) => !idle.has(key)).map(([, one]) => one);
}
