// Lets the threads of a pool change places at every access to shared memory (`npm run fuzz`, or `node test/property/fuzz-leases.ts [--seed N|random]
// [--plays N]`). Prints figures; exits 1 at the first play in which something does not hold, with the seed that brings it back.

import { parseArgs } from 'node:util';
import { seedOf } from '../support/seeded-fast-check.ts';
import { LeaseTheatre } from './lease-play.ts';
import { PermitTheatre } from './permit-play.ts';

const { values } = parseArgs({ options: { seed: { type: 'string' }, plays: { type: 'string' } } });
const firstSeed = seedOf(values.seed);
const wanted = Number(values.plays ?? 100_000);

const startedAt = performance.now();
const theatre = new LeaseTheatre();
let steps = 0;
let requests = 0;
for (let index = 0; index < wanted; index += 1) {
  try {
    const play = await theatre.play(firstSeed + index);
    steps += play.steps;
    requests += play.requests;
  } catch (error) {
    process.stderr.write(`--seed ${firstSeed + index} --plays 1: ${(error as Error).stack}\n`);
    process.exit(1);
  }
}
await theatre.close();
const permits = new PermitTheatre();
let permitRequests = 0;
for (let index = 0; index < wanted; index += 1) {
  try {
    permitRequests += permits.play(firstSeed + index);
  } catch (error) {
    process.stderr.write(`--seed ${firstSeed + index} --plays 1: permits: ${(error as Error).stack}\n`);
    process.exit(1);
  }
}
await permits.close();
const seconds = (performance.now() - startedAt) / 1_000;
process.stdout.write(
  `leases: ${wanted} plays from seed ${firstSeed}, ${steps} accesses to shared memory, ${requests} requests; as many plays of permits, ${permitRequests} requests: every invariant held; ${seconds.toFixed(1)} s\n`,
);
