// A manager that is killed: nothing of it stays, and the next one finds a clean place.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { markMember, writeMark } from '../../src/worker/orphans.ts';
import { isGone, isGroupAlive, readProcessStat } from '../../src/worker/process-table.ts';
import { openRuntimeDirectory } from '../../src/worker/runtime-directory.ts';
import { temporaryFolder } from '../support/folder.ts';

/** A manager in a process of its own. @returns it, and the group of its worker */
async function startManager(t: TestContext, parent: string, script: string): Promise<[ChildProcess, number]> {
  const path = fileURLToPath(new URL('../fixtures/manages-a-pool.ts', import.meta.url));
  const manager = spawn(process.execPath, [path, parent, script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => manager.kill('SIGKILL'));
  const [line] = (await once(manager.stdout!, 'data')) as [Buffer];
  const group = Number(line.toString());
  t.after(() => {
    if (isGroupAlive(group)) process.kill(-group, 'SIGKILL');
  });
  return [manager, group];
}

const waits = 'exec sleep 300';
const ignores = 'trap "" TERM; sleep 300 & wait; sleep 300';

test('kill -9 of a manager ends its workers', async (t) => {
  const [manager, group] = await startManager(t, temporaryFolder(t), waits);
  assert.ok(isGroupAlive(group));
  manager.kill('SIGKILL');
  for (let count = 0; count < 500 && isGroupAlive(group); count += 1) await sleep(10);
  assert.ok(!isGroupAlive(group));
});

test('what a killed manager left is ended and removed by the next one, also where it ignores SIGTERM', async (t) => {
  const parent = temporaryFolder(t);
  const [manager, group] = await startManager(t, parent, ignores);
  manager.kill('SIGKILL');
  await once(manager, 'exit');
  assert.ok(isGroupAlive(group));
  const directory = await openRuntimeDirectory(parent);
  for (let count = 0; count < 500 && isGroupAlive(group); count += 1) await sleep(10);
  assert.ok(!isGroupAlive(group));
  assert.deepEqual(readdirSync(parent), [`manager-${process.pid}`]);
  directory.close();
  directory.close();
  assert.deepEqual(readdirSync(parent), []);
});

test('the directory of a manager that lives is left alone', async (t) => {
  const parent = temporaryFolder(t);
  const [manager, group] = await startManager(t, parent, waits);
  const directory = await openRuntimeDirectory(parent);
  t.after(() => directory.close());
  assert.ok(isGroupAlive(group));
  assert.ok(existsSync(join(parent, `manager-${manager.pid}`)));
  assert.equal(statSync(directory.path).mode & 0o777, 0o700);
});

test('the directory of a manager of an earlier version, whose mark names no boot, is left alone while it lives', async (t) => {
  const parent = temporaryFolder(t);
  const folder = join(parent, 'manager-1');
  mkdirSync(folder);
  const mark = join(folder, 'manager');
  writeFileSync(mark, `${process.pid} ${readProcessStat(process.pid)!.startTicks}\n`);
  (await openRuntimeDirectory(parent)).close();
  assert.ok(existsSync(mark));
  writeFileSync(mark, `${process.pid} 1\n`);
  (await openRuntimeDirectory(parent)).close();
  assert.ok(!existsSync(mark), 'its process has ended, and the id was used again');
});

test('two managers in one process have a directory each', async (t) => {
  const parent = temporaryFolder(t);
  const [first, second] = await Promise.all([openRuntimeDirectory(parent), openRuntimeDirectory(parent)]);
  assert.deepEqual(readdirSync(parent).sort(), [`manager-${process.pid}`, `manager-${process.pid}-2`]);
  first.close();
  assert.ok(existsSync(second.path));
  second.close();
});

test('a directory that others can write to, or that is a link, is refused', async (t) => {
  const folder = temporaryFolder(t);
  const open = join(folder, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  await assert.rejects(openRuntimeDirectory(open), { code: 'CONFIG_INVALID' });
  const link = join(folder, 'link');
  mkdirSync(join(folder, 'target'), { mode: 0o700 });
  symlinkSync(join(folder, 'target'), link);
  await assert.rejects(openRuntimeDirectory(link), { code: 'CONFIG_INVALID' });
});

/** A group whose leader has gone, in the directory of a manager that has, too. */
async function orphanedGroup(
  t: TestContext,
  isMarked: boolean,
): Promise<{ parent: string; mark: string; member: number }> {
  const parent = temporaryFolder(t);
  const directory = join(parent, 'manager-1');
  mkdirSync(join(directory, 'p1'), { recursive: true });
  // A start time that nobody has: the manager is dead.
  writeFileSync(join(directory, 'manager'), 'boot\n1 1\n');
  const script = 'sleep 300 < /dev/null > /dev/null & echo $!; read line';
  const leader = spawn('/bin/sh', ['-c', script], { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
  const member = Number(((await once(leader.stdout!, 'data')) as [Buffer])[0].toString());
  t.after(() => {
    if (!isGone(member)) process.kill(member, 'SIGKILL');
  });
  const mark = join(directory, 'p1/1.pid');
  writeMark(mark, leader.pid!);
  if (isMarked) markMember(mark, member);
  leader.stdin!.end('go\n');
  await once(leader, 'exit');
  return { parent, mark, member };
}

test('a group whose leader has gone is ended where a member lives that was marked, too', async (t) => {
  const { parent, member } = await orphanedGroup(t, true);
  const directory = await openRuntimeDirectory(parent);
  t.after(() => directory.close());
  assert.ok(isGone(member));
  assert.deepEqual(readdirSync(parent), [`manager-${process.pid}`]);
});

for (const [what, change] of [
  ['of which nobody is known to be ours', (text: string) => text.replace(/\d+ \d+\n$/, '')],
  [
    'whose member has the id of a marked one, but began at another time',
    (text: string) => text.replace(/\d+\n$/, '7\n'),
  ],
  ['of an earlier boot', (text: string) => text.replace(/^\S+/, 'another-boot')],
  ['of another process namespace', (text: string) => text.replace(/pid:\[\d+\]/, 'pid:[7]')],
] as const) {
  test(`somebody else's process group is left alone: one ${what}`, async (t) => {
    const { parent, mark, member } = await orphanedGroup(t, true);
    writeFileSync(mark, change(readFileSync(mark, 'latin1')));
    const directory = await openRuntimeDirectory(parent);
    t.after(() => directory.close());
    assert.ok(!isGone(member));
    assert.deepEqual(readdirSync(parent), [`manager-${process.pid}`], 'the mark is gone all the same');
  });
}
