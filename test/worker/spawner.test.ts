// Starting programs: what they are given, and what they must not inherit.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { openSpawner } from '../../src/worker/spawner.ts';
import { temporaryFolder } from '../support/folder.ts';
import { plainProgram, shellProgram } from '../support/programs.ts';

test('the socket is there under its name, and no temporary name is left', async (t) => {
  const folder = temporaryFolder(t);
  const starter = openSpawner();
  t.after(() => starter.close());
  const child = starter.startWorker(shellProgram('exit 0'), join(folder, 'w'));
  await new Promise<void>((resolve) => child.once('exit', () => resolve()));
  assert.deepEqual(readdirSync(folder), ['w.pid', 'w.sock']);
});

test('a program leads a process group of its own, in its working directory, without new privileges', async (t) => {
  const folder = temporaryFolder(t);
  const starter = openSpawner();
  t.after(() => starter.close());
  const script = 'pwd; cut -d" " -f5 /proc/$$/stat; echo $$; grep NoNewPrivs /proc/$$/status';
  const child = starter.startWorker({ ...shellProgram(script), cwd: folder }, join(folder, 'w'));
  const [cwd, group, pid, privileges] = (await text(child.stdout!)).split('\n');
  assert.equal(cwd, folder);
  assert.equal(group, pid);
  assert.equal(privileges, 'NoNewPrivs:\t1');
});

test('a descriptor that this process inherited, however high, does not reach the program', async (t) => {
  const folder = temporaryFolder(t);
  const secret = join(folder, 'secret');
  writeFileSync(secret, 'secret');
  const starter = fileURLToPath(new URL('../fixtures/launches-a-listing.ts', import.meta.url));
  const leaked = openSync(secret, 'r');
  t.after(() => closeSync(leaked));
  // Number 40 in the manager, above the gap at which Node stops to set close-on-exec.
  const stdio = [...Array(3).fill('pipe'), ...Array(37).fill('ignore'), leaked];
  const manager = spawn(process.execPath, [starter, join(folder, 'w')], { stdio });
  const listing = await text(manager.stdout!);
  assert.match(listing, /manager has secret/);
  assert.match(listing, /0 -> socket:/);
  assert.doesNotMatch(listing.split('program:')[1]!, /secret/);
});

const refused: readonly (readonly [
  title: string,
  make: (folder: string) => ReturnType<typeof plainProgram>,
  message: RegExp,
])[] = [
  ['missing', () => plainProgram({ command: ['/nowhere/app'] }), /^\/nowhere\/app does not exist/],
  ['a folder', (folder) => plainProgram({ command: [folder] }), /is not a file$/],
  ['not executable', () => plainProgram({ command: ['/etc/passwd'] }), /is not executable: chmod \+x it$/],
  ['without an absolute path', () => plainProgram({ command: ['app'] }), /^app is not an absolute path$/],
  ['in a folder that is missing', () => plainProgram({ cwd: '/nowhere' }), /the working directory \/nowhere of/],
  [
    'for a user who does not exist',
    () => plainProgram({ user: 'nobody-knows-me' }),
    /there is no user "nobody-knows-me"/,
  ],
];

for (const [title, make, message] of refused) {
  test(`a program that is ${title} is refused, with what is wrong`, (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'inner'));
    const starter = openSpawner();
    t.after(() => starter.close());
    assert.throws(() => starter.startWorker(make(folder), join(folder, 'w')), { code: 'LAUNCH_FAILED', message });
  });
}
