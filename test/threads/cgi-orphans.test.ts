// A front thread that is lost while CGI programs of it run: they are ended with what they had started, and the limit of the pool holds until they have gone.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { cgiUnit } from '../../src/backend/cgi-unit.ts';
import type { CgiPlan } from '../../src/backend/plan.ts';
import { CgiOrphans } from '../../src/cgi/cgi-orphans.ts';
import { systemClock } from '../../src/clock.ts';
import { isGone, readProcessStat, sendSignal } from '../../src/worker/process-table.ts';
import { openSpawner } from '../../src/worker/spawner.ts';
import { cgiRequest } from '../support/cgi-request.ts';
import { temporaryFolder } from '../support/folder.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { RecordingSink } from '../support/recording-sink.ts';
import { ThreadedBackend } from '../support/threaded-backend.ts';
import { until } from '../support/until.ts';
import { queueLimits } from '../support/upstreams.ts';

/** The first one stays, whatever it is asked; one after it says whether that still lives. */
const script = `#!/bin/sh
trap '' TERM
printf 'Content-Type: text/plain\\n\\n'
if [ -e first ]; then
  state=$(cut -d ' ' -f 3 "/proc/$(cat first)/stat" 2>/dev/null)
  [ -z "$state" ] || [ "$state" = Z ] && echo alone || echo beside
  exit
fi
echo $$ > first.tmp; mv first.tmp first
while :; do sleep 0.05; done
`;

/** It heeds SIGTERM, and what it has started does not. Where it is asked to, it leaves that behind. */
const parent = `#!/bin/sh
printf 'Content-Type: text/plain\\n\\n'
(trap '' TERM; while :; do sleep 0.05; done) &
echo $! > child.tmp; mv child.tmp child
[ -e leave ] && exit
while :; do sleep 0.05; done
`;

test('a permit of a lost thread is not free before its program has gone, which is killed when it does not heed SIGTERM', async (t) => {
  const { folder, log, unit, thread, request } = await threadedUnit(t, script);
  thread.run(request, new RecordingSink());
  const first = await pidIn(folder, 'first');

  await thread.lose(1);
  unit.threadDied(1);
  const second = new RecordingSink();
  unit.backend.run(request, second);
  const { counters } = unit.snapshot();
  assert.deepEqual([counters.running, counters.waiting, isGone(first)], [0, 1, false]);

  assert.equal((await second.done).body, 'alone\n');
  assert.ok(isGone(first));
  assert.equal(log.matching(/the front thread that had started it was lost/).length, 1);
  await until(() => unit.snapshot().counters.running === 0);
});

for (const [what, leaves] of [
  ['goes with it', false],
  ['goes, though it has left by itself', true],
] as const) {
  test(`what a program of a lost thread had started ${what}`, async (t) => {
    const { folder, unit, thread, request } = await threadedUnit(t, parent);
    if (leaves) writeFileSync(join(folder, 'leave'), '');
    thread.run(request, new RecordingSink());
    const child = await pidIn(folder, 'child');
    t.after(() => sendSignal(child, 'SIGKILL'));
    const leader = readProcessStat(child)!.group;
    // Reaped: its thread knows that it has left.
    if (leaves) await until(() => readProcessStat(leader) === null);

    await thread.lose(1);
    unit.threadDied(1);
    await until(() => isGone(child));
  });
}

test('a process that has the number of one that is gone is left alone', async (t) => {
  const other = spawn('sleep', ['60'], { detached: true });
  t.after(() => other.kill('SIGKILL'));
  await once(other, 'spawn');
  const orphans = new CgiOrphans({ name: 'cgi', clock: systemClock, log: new RecordingLog() });
  let isTold = false;
  const startTicks = readProcessStat(other.pid!)!.startTicks - 1;
  orphans.end({ pid: other.pid!, startTicks }, 1_000, () => {
    isTold = true;
  });
  orphans.destroy();
  assert.deepEqual([isTold, isGone(other.pid!)], [true, false]);
});

/** A pool with one place, of which a front thread has a part. */
async function threadedUnit(t: TestContext, program: string) {
  const folder = temporaryFolder(t);
  const path = join(folder, 'stays.cgi');
  writeFileSync(path, program);
  chmodSync(path, 0o755);
  const log = new RecordingLog();
  const starter = openSpawner();
  const limits = { ...queueLimits, queueTimeoutMs: 60_000, workers: 1, stopTimeoutMs: 1_000, slowAfterMs: 0 };
  const env = { PATH: '/usr/bin:/bin' };
  const plan: CgiPlan = {
    ...{ kind: 'cgi', name: 'cgi', limits, env, user: null, launchKey: undefined, fingerprint: '', warnings: [] },
  };
  const parts = {
    directory: folder,
    log,
    starter,
    clock: systemClock,
    frontThreads: 1,
    onFault: (error: unknown) => assert.ifError(error),
  };
  const unit = cgiUnit(plan, parts);
  t.after(async () => {
    await unit.destroy();
    starter.close();
  });
  const thread = await ThreadedBackend.start(t, { name: 'cgi', log, share: (index) => unit.share(index, false) }, 1);
  const request = cgiRequest({ environment: { SCRIPT_FILENAME: path, REQUEST_METHOD: 'GET' } });
  return { folder, log, unit, thread, request };
}

async function pidIn(folder: string, name: string): Promise<number> {
  const path = join(folder, name);
  await until(() => existsSync(path));
  return Number(readFileSync(path, 'latin1'));
}
