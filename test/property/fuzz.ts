// The fuzzers, one after the other (`npm run fuzz [-- --seed N|random] [--plays N]`): with the fixed seed unless told otherwise; with a seed given, each property test
// with that seed, too. `--plays` is the number of histories of the pool and of plays of leases and of permits (100,000 each). Prints the seed; exits 1 when one of them fails.

import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { seedOf } from '../support/seeded-fast-check.ts';

const root = new URL('../../', import.meta.url).pathname;
const { values } = parseArgs({ options: { seed: { type: 'string' }, plays: { type: 'string' } } });
const seed = String(seedOf(values.seed));

process.stdout.write(`every fuzzer with --seed ${seed}\n`);
run('test/property/fuzz-codec.ts', '--seed', seed);
run('test/property/fuzz-http2.ts', '--seed', seed);
run('test/property/fuzz-pool.ts', '--seed', seed, ...(values.plays === undefined ? [] : ['--histories', values.plays]));
run('test/property/fuzz-leases.ts', '--seed', seed, ...(values.plays === undefined ? [] : ['--plays', values.plays]));
run('test/property/mutants.ts');
// With the fixed seed `npm test` has run them.
if (values.seed !== undefined) run('--test', '--test-reporter=dot', ...propertyTests());

/** The test files that draw cases, and those whose helpers do. */
function propertyTests(): string[] {
  const draws =
    /from '[./]*(?:support\/seeded-fast-check|support\/http1-streams|property\/generated|generated|pool-history|lease-play|permit-play)\.ts'/;
  return globSync('test/**/*.test.ts', { cwd: root }).filter((file) => draws.test(readFileSync(root + file, 'utf8')));
}

function run(...args: string[]): void {
  const { status } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, SEED: seed },
  });
  if (status === 0) return;
  process.stderr.write(`failed with --seed ${seed}: node ${args.join(' ')}\n`);
  process.exit(1);
}
