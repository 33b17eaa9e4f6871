// Runs the test suite (`npm test [-- PATH...]`): all test files, or those whose path holds one of the words given; says
// why anything was skipped, and with CI set a skip is a failure. A file that fails is run once more when nothing else runs: if it passes
// then, it is told of as unsteady; more than three such files are a failure.

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
/** One that depends on what else the machine does is a fault, too; so many are allowed for. */
const mostUnsteady = 3;

if (files.length === 0) {
  process.stderr.write(`no test file matches ${words.join(' ')}\n`);
  process.exit(2);
}

interface Outcome {
  readonly passed: number;
  /** Names of failed tests by file. */
  readonly failed: ReadonlyMap<string, string[]>;
  readonly skipped: readonly string[];
}

// Two at a time: most files wait for processes, and more would make their deadlines depend on the machine.
const { passed, skipped, failed } = await runAll(files, 2);
let failing = [...failed.keys()];
if (failing.length > 0 && failing.length <= mostUnsteady && files.length > 1) {
  process.stdout.write(`\nonce more, with nothing beside them: ${failing.map(shown).join(', ')}\n`);
  const second = await runAll(failing, 1);
  for (const [file, names] of failed) {
    if (second.failed.has(file)) continue;
    process.stdout.write(`unsteady, it passed alone: ${shown(file)}: ${names.join('; ')}\n`);
  }
  failing = [...second.failed.keys()];
}
if (skipped.length > 0) process.stdout.write(`\nskipped:\n${skipped.map((line) => `  ${line}\n`).join('')}`);
const skipIsFailure = process.env.CI !== undefined && skipped.length > 0;
if (skipIsFailure) process.stdout.write('CI is set: a skipped test counts as a failure\n');
if (passed === 0) process.stdout.write('no test ran\n');
process.stdout.write(failing.length > 0 ? `failed: ${failing.map(shown).join(', ')}\n` : '');
process.exitCode = failing.length > 0 || skipIsFailure || passed === 0 ? 1 : 0;

/** Runs the files and shows what happens as it does. */
function runAll(paths: readonly string[], concurrency: number): Promise<Outcome> {
  const failed = new Map<string, string[]>();
  const skips: string[] = [];
  let passes = 0;
  // A test that fails may leave a handle behind: without forceExit its file would not end, nor would the run, whatever the time limit.
  const events = run({ files: [...paths], concurrency, timeout: 600_000, forceExit: true });
  events.on('test:pass', (data) => {
    if (data.skip === undefined) passes += 1;
    else skips.push(`${data.name}: ${data.skip === true ? 'no reason given' : data.skip}`);
  });
  events.on('test:fail', (data) => {
    const file = entryOf(data) ?? 'no file';
    const names = failed.get(file);
    if (names === undefined) failed.set(file, [data.name]);
    else names.push(data.name);
  });
  const report = events.compose(spec());
  report.pipe(process.stdout, { end: false });
  return new Promise((resolve) => report.on('end', () => resolve({ passed: passes, failed, skipped: skips })));
}

/** The file that was run: `file` is the one that holds the text of the test, which may be a suite of several. */
function entryOf(data: { readonly file?: string | undefined; readonly entryFile?: string }): string | undefined {
  return data.entryFile ?? data.file;
}

function shown(file: string): string {
  return file.startsWith(root) ? file.slice(root.length) : file;
}

/** Unit tests first: they say soonest what broke. */
function rank(file: string): number {
  if (file.includes('integration/')) return 2;
  return file.includes('conformance/') ? 1 : 0;
}
