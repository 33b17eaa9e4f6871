// Lets the threads of a pool change places at every access to shared memory (`npm run fuzz`, or `node test/property/fuzz-leases.ts [--seed N|random]
// [--plays N] [--of lanes|permits]`). Prints figures; exits 1 at the first play in which something does not hold, with the seed that brings it back.

import { parseArgs } from 'node:util';
import { seedOf } from '../support/seeded-fast-check.ts';
import { LeaseTheatre } from './lease-play.ts';
import { PermitTheatre } from './permit-play.ts';

const { values } = parseArgs({
  options: { seed: { type: 'string' }, plays: { type: 'string' }, of: { type: 'string' } },
});
const firstSeed = seedOf(values.seed);
const wanted = Number(values.plays ?? 100_000);

const startedAt = performance.now();
const played: string[] = [];
if (values.of !== 'permits') await playLanes();
if (values.of !== 'lanes') await playPermits();
const seconds = (performance.now() - startedAt) / 1_000;
process.stdout.write(
  `leases: ${wanted} plays from seed ${firstSeed}, ${played.join('; as many of ')}: every invariant held; ${seconds.toFixed(1)} s\n`,
);

async function playLanes(): Promise<void> {
  const theatre = new LeaseTheatre();
  let steps = 0;
  let requests = 0;
  for (let index = 0; index < wanted; index += 1) {
    try {
      const play = await theatre.play(firstSeed + index);
      steps += play.steps;
      requests += play.requests;
    } catch (error) {
      fail(firstSeed + index, 'lanes', error);
    }
  }
  await theatre.close();
  played.push(`${steps} accesses to shared memory, ${requests} requests`);
}

async function playPermits(): Promise<void> {
  const theatre = new PermitTheatre();
  let requests = 0;
  for (let index = 0; index < wanted; index += 1) {
    try {
      requests += theatre.play(firstSeed + index);
    } catch (error) {
      fail(firstSeed + index, 'permits', error);
    }
  }
  await theatre.close();
  played.push(`permits, ${requests} requests`);
}

function fail(seed: number, of: string, error: unknown): never {
  process.stderr.write(`--seed ${seed} --plays 1: ${of}: ${(error as Error).stack}\n`);
  process.exit(1);
}
