// Runs php-src's own tests of its CGI program, once with php-cgi alone and once with Postern in its place, and compares which pass.
//
//   node test/php-src/main.ts FOLDER    a source tree of PHP, of the version that is installed (Debian: apt-get source php8.2)
//
// The tests are those of sapi/cgi and all others that describe a request: a query, cookies, a body.

import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findProgram } from '../support/folder.ts';

/** Tests that cannot pass over HTTP, and why. */
const notOverHttp: Readonly<Record<string, string>> = {
  'sapi/cgi/tests/010.phpt': 'it wants its Status line behind another field; in HTTP the status comes first',
};

/** Where users are told the figures, for this line of PHP. */
const page = new URL('../../docs/coming-from.md', import.meta.url);

const isOfCgi = /^--(?:GET|POST|POST_RAW|PUT|COOKIE|CGI|GZIP_POST|DEFLATE_POST)--$/m;

const tree = resolve(process.argv[2] ?? '');
const php = findProgram('php');
const phpCgi = findProgram('php-cgi');
if (process.argv[2] === undefined || !existsSync(join(tree, 'sapi/cgi/tests'))) {
  fail('give the folder of a source tree of PHP: it has sapi/cgi/tests');
} else if (php === null || phpCgi === null) {
  fail('php and php-cgi are needed');
} else {
  compare(php, phpCgi);
}

function fail(why: string): void {
  process.stderr.write(`${why}\n`);
  process.exitCode = 2;
}

function compare(php: string, phpCgi: string): void {
  const tests = globSync('{sapi/cgi,tests,ext,Zend}/**/*.phpt', { cwd: tree })
    .filter((file) => file.startsWith('sapi/cgi/') || isOfCgi.test(readFileSync(join(tree, file), 'latin1')))
    .toSorted();
  const folder = mkdtempSync(join(tmpdir(), 'postern-php-src-'));
  try {
    const standIn = join(folder, 'stand-in');
    const program = new URL('php-cgi.ts', import.meta.url).pathname;
    writeFileSync(standIn, `#!/bin/sh\nPOSTERN_PHP_CGI='${phpCgi}' exec '${process.execPath}' '${program}' "$@"\n`, {
      mode: 0o755,
    });
    const alone = run(php, phpCgi, tests, join(folder, 'alone'));
    const behind = run(php, standIn, tests, join(folder, 'behind'));
    report(tests, alone, behind);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @returns test -> PASSED, FAILED, SKIPPED, ... */
function run(php: string, phpCgi: string, tests: readonly string[], folder: string): Map<string, string> {
  spawnSync('mkdir', [folder]);
  // The tests of sapi/cgi look for php-cgi beside php.
  symlinkSync(php, join(folder, 'php'));
  symlinkSync(phpCgi, join(folder, 'php-cgi'));
  const list = join(folder, 'list');
  const results = join(folder, 'results');
  writeFileSync(list, `${tests.join('\n')}\n`);
  const { stdout } = spawnSync(php, ['run-tests.php', '-q', '-n', '--set-timeout', '120', '-r', list, '-W', results], {
    cwd: tree,
    encoding: 'latin1',
    maxBuffer: 1 << 28,
    env: {
      ...process.env,
      TEST_PHP_EXECUTABLE: join(folder, 'php'),
      TEST_PHP_CGI_EXECUTABLE: join(folder, 'php-cgi'),
      NO_INTERACTION: '1',
    },
  });
  if (!existsSync(results)) throw new Error(`run-tests.php wrote no results: ${stdout.slice(-2000)}`);
  const lines = readFileSync(results, 'latin1').trimEnd().split('\n');
  return new Map(
    lines.map((line) => line.split('\t')).map(([outcome = '', name = '']) => [name.replace(`${tree}/`, ''), outcome]),
  );
}

function report(
  tests: readonly string[],
  alone: ReadonlyMap<string, string>,
  behind: ReadonlyMap<string, string>,
): void {
  const count = (outcomes: ReadonlyMap<string, string>): string => {
    const counted = Object.groupBy(outcomes.values(), (outcome) => outcome);
    return Object.entries(counted)
      .map(([outcome, all]) => `${all!.length} ${outcome}`)
      .join(', ');
  };
  process.stdout.write(`${tests.length} tests\nphp-cgi alone: ${count(alone)}\nthrough Postern: ${count(behind)}\n`);
  checkDocs([tests.length, passed(alone), passed(behind)]);
  for (const test of tests) {
    const [theirs, ours] = [alone.get(test), behind.get(test)];
    if (theirs === ours) continue;
    const why = theirs === 'PASSED' ? notOverHttp[test] : undefined;
    if (why === undefined) process.exitCode = 1;
    process.stdout.write(`${test}: ${theirs} -> ${ours}${why === undefined ? '' : `: ${why}`}\n`);
  }
}

function passed(outcomes: ReadonlyMap<string, string>): number {
  return [...outcomes.values()].filter((outcome) => outcome === 'PASSED').length;
}

/** The docs tell what this run shows, where they tell it of this line of PHP: another one has other tests. */
function checkDocs(seen: readonly number[]): void {
  const [, line, ...told] =
    /\(PHP (\d+\.\d+)\): (\d+) tests, php-cgi alone passes (\d+), Postern in its place (\d+)\./.exec(
      readFileSync(page, 'utf8'),
    ) ?? [];
  if (line === undefined) throw new Error('docs/coming-from.md does not tell how many tests pass, and with which PHP');
  const own = lineOfTree();
  if (own !== line) {
    process.stdout.write(`docs/coming-from.md tells of PHP ${line}, and this is ${own}: not compared\n`);
  } else if (seen.join() !== told.join()) {
    process.exitCode = 1;
    process.stdout.write(
      `docs/coming-from.md tells ${told.join(', ')} of tests, alone and through Postern: ${seen.join(', ')}\n`,
    );
  }
}

/** "8.2": the line of PHP that the tests are of. */
function lineOfTree(): string {
  const header = readFileSync(join(tree, 'main/php_version.h'), 'utf8');
  const [major, minor] = ['MAJOR', 'MINOR'].map((part) => new RegExp(`PHP_${part}_VERSION (\\d+)`).exec(header)?.[1]);
  return `${major}.${minor}`;
}
