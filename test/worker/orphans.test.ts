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
import { markVariable } from '../../src/worker/marked.ts';
import { markMember, writeEnvironmentMark, writeMark } from '../../src/worker/orphans.ts';
import { isGone, isGroupAlive, readProcessStat, sendSignal } from '../../src/worker/process-table.ts';
import { openRuntimeDirectory, type RuntimeDirectory } from '../../src/worker/runtime-directory.ts';
import { temporaryFolder } from '../support/folder.ts';
import { until } from '../support/until.ts';

/** A manager in a process of its own. @returns it, and the group of its worker */
async function startManager(
  t: TestContext,
  parent: string,
  script: string,
  guard: 'guarded' | 'unguarded' = 'unguarded',
): Promise<[ChildProcess, number]> {
  const path = fileURLToPath(new URL('../fixtures/manages-a-pool.ts', import.meta.url));
  const manager = spawn(process.execPath, [path, parent, script, guard], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => manager.kill('SIGKILL'));
  const [line] = (await once(manager.stdout!, 'data')) as [Buffer];
  const group = Number(line.toString());
  t.after(() => {
    if (isGroupAlive(group)) process.kill(-group, 'SIGKILL');
  });
  return [manager, group];
}

/** A script that ignores SIGTERM, with a child in a session of its own that does, too. */
function leavesChild(folder: string, setting = ''): string {
  const child = `trap "" TERM; echo $$ > ${folder}/child.tmp; mv ${folder}/child.tmp ${folder}/child; while :; do sleep 1; done`;
  return `trap "" TERM; ${setting}setsid sh -c '${child}' < /dev/null > /dev/null 2>&1 & wait; sleep 300`;
}

async function childIn(folder: string): Promise<number> {
  await until(() => existsSync(join(folder, 'child')), 'the child runs');
  return Number(readFileSync(join(folder, 'child'), 'utf8'));
}

/** One with which those of dead managers were cleared away. */
async function opened(parent: string): Promise<RuntimeDirectory> {
  const directory = openRuntimeDirectory(parent);
  await directory.clear();
  return directory;
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

test('the guard of a killed manager ends a worker that ignores SIGTERM, and what it has started in a session of its own', async (t) => {
  const folder = temporaryFolder(t);
  const [manager, group] = await startManager(t, folder, leavesChild(folder), 'guarded');
  const child = await childIn(folder);
  manager.kill('SIGKILL');
  await until(() => isGone(child) && !isGroupAlive(group), 'nothing is left');
});

test('what a killed manager left in a session of its own is ended by the next one, by the mark in its environment', async (t) => {
  const parent = temporaryFolder(t);
  const folder = temporaryFolder(t);
  const [manager] = await startManager(t, parent, leavesChild(folder));
  const child = await childIn(folder);
  t.after(() => isGone(child) || process.kill(child, 'SIGKILL'));
  manager.kill('SIGKILL');
  await once(manager, 'exit');
  assert.ok(!isGone(child));
  (await opened(parent)).close();
  assert.ok(isGone(child));
});

test('a process with the mark of another manager, or with none, is left alone', async (t) => {
  const parent = temporaryFolder(t);
  const folder = temporaryFolder(t);
  const [manager] = await startManager(t, parent, leavesChild(folder, `${markVariable}=another `));
  const other = await childIn(folder);
  t.after(() => process.kill(other, 'SIGKILL'));
  manager.kill('SIGKILL');
  await once(manager, 'exit');
  (await opened(parent)).close();
  assert.ok(!isGone(other));
});

test('a manager that a program of a killed one has started does not end itself', async (t) => {
  const parent = temporaryFolder(t);
  const first = join(parent, 'manager-1');
  mkdirSync(first);
  writeFileSync(join(first, 'manager'), 'boot\n1 1\n');
  writeEnvironmentMark(first, 'ab'.repeat(16));
  const path = fileURLToPath(new URL('../fixtures/manages-a-pool.ts', import.meta.url));
  const env = { ...process.env, [markVariable]: 'ab'.repeat(16) };
  const args = [path, parent, waits, 'unguarded'];
  const manager = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => manager.kill('SIGKILL'));
  const [line] = (await once(manager.stdout!, 'data')) as [Buffer];
  t.after(() => sendSignal(-Number(line.toString()), 'SIGKILL'));
  assert.ok(!existsSync(first));
});

test('what a killed manager left is ended and removed by the next one, also where it ignores SIGTERM', async (t) => {
  const parent = temporaryFolder(t);
  const [manager, group] = await startManager(t, parent, ignores);
  manager.kill('SIGKILL');
  await once(manager, 'exit');
  assert.ok(isGroupAlive(group));
  const directory = await opened(parent);
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
  const directory = await opened(parent);
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
  (await opened(parent)).close();
  assert.ok(existsSync(mark));
  writeFileSync(mark, `${process.pid} 1\n`);
  (await opened(parent)).close();
  assert.ok(!existsSync(mark), 'its process has ended, and the id was used again');
});

test('two managers in one process have a directory each', async (t) => {
  const parent = temporaryFolder(t);
  const [first, second] = [openRuntimeDirectory(parent), openRuntimeDirectory(parent)];
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
  assert.throws(() => openRuntimeDirectory(open), { code: 'CONFIG_INVALID' });
  const link = join(folder, 'link');
  mkdirSync(join(folder, 'target'), { mode: 0o700 });
  symlinkSync(join(folder, 'target'), link);
  assert.throws(() => openRuntimeDirectory(link), { code: 'CONFIG_INVALID' });
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
  const directory = await opened(parent);
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
    const directory = await opened(parent);
    t.after(() => directory.close());
    assert.ok(!isGone(member));
    assert.deepEqual(readdirSync(parent), [`manager-${process.pid}`], 'the mark is gone all the same');
  });
}
