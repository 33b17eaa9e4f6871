// Runs random histories of a pool (`node test/property/fuzz-pool.ts [--seed N|random] [--histories N]`) with its invariants checked
// after each step. Prints figures; exits 1 at the first history that breaks one, with the seed that brings it back.

import { parseArgs } from 'node:util';
import { seedOf } from '../support/seeded-fast-check.ts';
import { drawnKinds, type Happening, PoolHistory, type PoolShape } from './pool-history.ts';
import { Random } from './random.ts';

const { values } = parseArgs({ options: { seed: { type: 'string' }, histories: { type: 'string' } } });
const firstSeed = seedOf(values.seed);
const wanted = Number(values.histories ?? 100_000);
/** Of each so many histories, one is of a pool of up to 64 workers. */
const oneIsLarge = 20;
const maxSteps = 30;

const startedAt = performance.now();
let steps = 0;
let requests = 0;
let retried = 0;
for (let index = 0; index < wanted; index += 1) {
  const seed = firstSeed + index;
  const random = new Random(seed * 2_654_435_761);
  const shape = drawShape(random, index % oneIsLarge === 0 ? 64 : 6);
  const taken: Happening[] = [];
  try {
    const history = new PoolHistory(shape);
    for (let count = 1 + random.below(maxSteps); count > 0; count -= 1) {
      const one: Happening = { kind: random.pick(drawnKinds), which: random.below(1_000) };
      taken.push(one);
      await history.take(one);
    }
    await history.end(random.below(2) === 0);
    steps += taken.length;
    requests += history.asked.length;
    retried += history.pool.snapshot().counters.retried;
  } catch (error) {
    const told = taken.map(({ kind, which }) => `${kind} ${which}`).join(', ');
    process.stderr.write(
      `--seed ${seed} --histories 1: ${(error as Error).stack}\n${JSON.stringify(shape)}\n${told}\n`,
    );
    process.exit(1);
  }
}
const seconds = (performance.now() - startedAt) / 1_000;
process.stdout.write(
  `pool: ${wanted} histories from seed ${firstSeed}, ${steps} steps, ${requests} requests, ${retried} of them run again: ` +
    `every invariant held after each step; ${seconds.toFixed(1)} s\n`,
);

function drawShape(random: Random, most: number): PoolShape {
  const workers = 1 + random.below(most);
  return {
    workers,
    minWorkers: random.below(workers + 1),
    lanesPerWorker: random.pick([1, 1, 2, 4, most]),
    preforks: random.below(2) === 0,
    queue: random.pick([0, 2, 100]),
    queueTimeoutMs: random.pick([0, 5_000]),
    maxRequests: random.pick([0, 0, 2]),
    maxMemoryBytes: random.pick([0, 100]),
    idleTimeoutMs: random.pick([0, 1_000, 3_000]),
    requestTimeoutMs: random.pick([0, 4_000]),
    spawnScoreUpLimit: random.pick([1, 3, 10]),
    timeScore: random.pick([1, 1, 1, 0]),
  };
}
