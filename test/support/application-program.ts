// A TypeScript application as an executable program that a web server's unprivileged user can start.

import { chmodSync, cpSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { temporaryFolder } from './folder.ts';

const root = new URL('../../', import.meta.url).pathname;

/**
 * A program that runs one of the test applications, under names that servers know (".fcgi", ".cgi").
 * @param file of the application, from the root of the repository
 * @returns its path
 */
export function applicationProgram(t: { after: TestContext['after'] }, file: string, name: string): string {
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o755);
  let from = root;
  let node = process.execPath;
  if (!isReachable(root)) {
    // A checkout in a private folder: a copy that everybody may read.
    from = `${join(folder, 'copy')}/`;
    mkdirSync(from, { mode: 0o755 });
    for (const part of ['package.json', 'src', 'test/fixtures']) cpSync(root + part, from + part, { recursive: true });
  }
  if (!isReachable(node)) {
    cpSync(node, join(folder, 'node'));
    node = join(folder, 'node');
  }
  const program = join(folder, name);
  writeFileSync(program, `#!/bin/sh\nexec ${node} ${from}${file} "$@"\n`, { mode: 0o755 });
  return program;
}

/** Whether every user may go through all folders of a path and read it. */
function isReachable(path: string): boolean {
  const isOpen = (statSync(path).mode & 0o005) === 0o005;
  return isOpen && (path === '/' || isReachable(dirname(path)));
}
