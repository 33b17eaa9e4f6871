// A front thread that is lost while CGI programs of it run: they are ended, and the limit of the pool holds until they have gone.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import type { CgiPlan } from '../../src/backend/plan.ts';
import { cgiUnit } from '../../src/backend/unit.ts';
import { systemClock } from '../../src/clock.ts';
import { isGone } from '../../src/worker/process-table.ts';
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

test('a permit of a lost thread is not free before its program has gone, which is killed when it does not heed SIGTERM', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'stays.cgi');
  writeFileSync(path, script);
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
  thread.run(request, new RecordingSink());
  await until(() => existsSync(join(folder, 'first')));
  const first = Number(readFileSync(join(folder, 'first'), 'latin1'));

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
