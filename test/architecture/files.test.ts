// Holds the files of src against what a reader counts on: a name is one file, no files go in a circle, and a file is neither a crumb nor a heap.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { basename, join, normalize } from 'node:path';
import { describe, it } from 'node:test';

const fewestLines = 30;
const mostLines = 370;

/** Files below `fewestLines` that stand alone, and why. */
const short: Readonly<Record<string, string>> = {
  'src/cli/exit-status.ts': 'a contract with shells, which every command keeps',
  'src/cli/free-port.ts': 'nothing else of the command line opens sockets',
  'src/config/config-apart-entry.ts': 'what a process begins with: nothing may import it',
  'src/config/thread-count.ts': 'the command line asks it before the schema is loaded',
  'src/config/usual-authority.ts': 'what has no need of the schema compares with it',
  'src/launcher/courier.ts': 'a process of its own: nothing may import it',
  'src/cli/main.ts': 'the entry point of the command line, which package.json names',
  'src/cli/php-ahead.ts': 'loaded before all else, so that PHP is looked for meanwhile',
  'src/connection/lost-connection.ts': 'pure, and read with the table of errors',
  'src/control/runtime-base.ts': 'each start needs it, and nothing of what asks other services',
  'src/defaults.ts': 'what every part that is given options does with them',
  'src/front/http1-refusal.ts': 'the answer to what is no request, with what is told of it',
  'src/gateway/trusted-proxies.ts': 'whom a site believes, which its requests, rules and log ask',
  'src/php/ini-names.ts': 'check alone asks, and nothing that serves loads it',
  'src/log.ts': 'what every part of Postern needs of a logger',
  'src/gateway/password-thread-entry.ts': 'what a thread begins with: nothing may import it',
  'src/queue/queue-limits.ts': 'what every kind of pool is limited by',
  'src/queue/request-numbers.ts': 'what an operator calls a request, apart from how one runs',
  'src/threads/connect-part.ts': 'loaded with the first pool of servers elsewhere, and with nothing else',
  'src/version.ts': 'read from package.json, and used by every part',
};

const root = new URL('../../', import.meta.url).pathname;
const sources = globSync('src/**/*.ts', { cwd: root });
const textOf = new Map(sources.map((file) => [file, readFileSync(root + file, 'utf8')]));

describe('the files of src', () => {
  it('have a base name that stands once, but for index.ts', () => {
    const named = Map.groupBy(sources, (file) => basename(file));
    named.delete('index.ts');
    assert.deepEqual(
      [...named.values()].filter((files) => files.length > 1),
      [],
    );
  });

  it('go in no circle, imports of types included', () => {
    assert.deepEqual(circles(), []);
  });

  it(`have ${fewestLines} lines at least, but for those listed here with their reason`, () => {
    const found = sources.filter((file) => linesOf(file) < fewestLines && basename(file) !== 'index.ts');
    assert.deepEqual(
      found.filter((file) => !(file in short)),
      [],
    );
    assert.deepEqual(
      Object.keys(short).filter((file) => !textOf.has(file) || linesOf(file) > 2 * fewestLines),
      [],
      'what is not short needs no reason',
    );
  });

  it(`have ${mostLines} lines at most`, () => {
    assert.deepEqual(
      sources.filter((file) => linesOf(file) > mostLines),
      [],
    );
  });

  it('begin with a sentence that says what they hold', () => {
    assert.deepEqual(
      sources.filter((file) => !/^(?:#!.*\n)?\/\/ \S.*\S/.test(textOf.get(file)!)),
      [],
    );
  });
});

function linesOf(file: string): number {
  return textOf.get(file)!.split('\n').length - 1;
}

/** The files that a file imports; `import type` counts, since a reader follows it as well. */
function importsOf(file: string): string[] {
  const found = textOf.get(file)!.matchAll(/^(?:import|export)\s[^'";]*?from\s+'(\.[^']+)'|^import\s+'(\.[^']+)'/gm);
  return [...found].map((match) => normalize(join(file, '..', (match[1] ?? match[2])!))).filter((to) => textOf.has(to));
}

/** Sets of files of which each reaches each other by imports (Tarjan's strongly connected components). */
function circles(): string[][] {
  const found: string[][] = [];
  const seenAt = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const visit = (file: string): number => {
    const at = seenAt.size;
    seenAt.set(file, at);
    lowest.set(file, at);
    open.push(file);
    for (const to of importsOf(file)) {
      const reached = seenAt.has(to) ? (open.includes(to) ? seenAt.get(to)! : at) : visit(to);
      lowest.set(file, Math.min(lowest.get(file)!, reached));
    }
    if (lowest.get(file) === at) {
      const circle = open.splice(open.indexOf(file));
      if (circle.length > 1 || importsOf(file).includes(file)) found.push(circle.sort());
    }
    return lowest.get(file)!;
  };
  for (const file of sources) if (!seenAt.has(file)) visit(file);
  return found.sort();
}
