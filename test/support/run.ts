// Runs the test suite (`npm test [-- PATH...]`): all test files, or those whose path holds one of the words given; says
// why anything was skipped, and with CI set a skip is a failure.

import { globSync } from 'node:fs';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const root = new URL('../../', import.meta.url).pathname;
const words = process.argv.slice(2);
const files = globSync(['test/**/*.test.ts', 'packages/*/test/**/*.test.ts'], {
  cwd: root,
  exclude: (path) => path.includes('node_modules'),
})
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b))
  .map((file) => root + file);

if (files.length === 0) {
  process.stderr.write(`no test file matches ${words.join(' ')}\n`);
  process.exit(2);
}

const skipped: string[] = [];
let failed = 0;
let passed = 0;
// Two at a time: most files wait for processes, and more would make their deadlines depend on the machine.
const events = run({ files, concurrency: 2, timeout: 600_000 });
events.on('test:pass', (data) => {
  if (data.skip === undefined) passed += 1;
  else skipped.push(`${data.name}: ${data.skip === true ? 'no reason given' : data.skip}`);
});
events.on('test:fail', () => {
  failed += 1;
});
const report = events.compose(spec());
report.pipe(process.stdout);
report.on('end', () => {
  if (skipped.length > 0) process.stdout.write(`\nskipped:\n${skipped.map((line) => `  ${line}\n`).join('')}`);
  const skipIsFailure = process.env.CI !== undefined && skipped.length > 0;
  if (skipIsFailure) process.stdout.write('CI is set: a skipped test counts as a failure\n');
  if (passed === 0) process.stdout.write('no test ran\n');
  process.exitCode = failed > 0 || skipIsFailure || passed === 0 ? 1 : 0;
});

/** Unit tests first: they say soonest what broke. */
function rank(file: string): number {
  if (file.includes('integration/')) return 2;
  return file.includes('conformance/') ? 1 : 0;
}
