// A program that the launcher says to have started after its client had left: the permit that it was to run with is not its any more.

import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import test from 'node:test';
import { CgiPool } from '../../src/cgi/cgi-pool.ts';
import { systemClock } from '../../src/clock.ts';
import { LaunchedProcess } from '../../src/launcher/launched-process.ts';
import type { Request } from '../../src/launcher/requests.ts';
import { PermitPool } from '../../src/leases/permit-pool.ts';
import { silentLog } from '../../src/log.ts';
import type { PermitUser, QueueShare } from '../../src/queue/permits.ts';
import { cgiRequest } from '../support/cgi-request.ts';
import { RecordingSink } from '../support/recording-sink.ts';
import { queueLimits } from '../support/upstreams.ts';

test('no pid is noted of a program whose start is told after its run is over, and it is ended', async (t) => {
  const asked: Request[] = [];
  const started: LaunchedProcess[] = [];
  const starter = {
    startWorker: () => assert.fail('no worker is asked for'),
    startCgi() {
      const ask = (request: Request): unknown => asked.push(request);
      const process = new LaunchedProcess(1, ask, new Socket(), new Socket(), new Socket());
      started.push(process);
      return process;
    },
  };
  const permits = new PermitPool(1, 1);
  const pids: number[] = [];
  const share: QueueShare = {
    room: permits.room,
    books: permits.books,
    permitsFor(user: PermitUser) {
      const own = permits.permitsFor(user);
      t.mock.method(own, 'runs', (_: object, pid: number) => pids.push(pid));
      return own;
    },
  };
  const limits = { ...queueLimits, workers: 1, stopTimeoutMs: 1_000 };
  const parts = { name: 'cgi', limits, env: {}, user: null, starter, clock: systemClock, log: silentLog };
  const pool = new CgiPool({ ...parts, share });
  t.after(() => pool.destroy());
  const environment = { SCRIPT_FILENAME: '/srv/a.cgi', REQUEST_METHOD: 'GET' };
  pool.run(cgiRequest({ environment }), new RecordingSink()).abort();
  assert.equal(pool.processes, 0);
  started[0]!.spawned(4_711, '');
  assert.deepEqual(pids, [0]);
  assert.deepEqual(asked, [{ do: 'signal', process: 1, signal: 'SIGKILL', to: 'group' }]);
});
