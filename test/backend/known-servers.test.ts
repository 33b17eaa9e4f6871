// The servers of a `connect` pool: what threads share of them, over a reload and one that is undone; and that nobody looks at them once it is closed.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { connectUnit } from '../../src/backend/connect-unit.ts';
import type { ConnectPlan } from '../../src/backend/plan.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RecordingLog } from '../support/recording-log.ts';

function planOf(port: number): ConnectPlan {
  const address = { kind: 'tcp', host: '127.0.0.1', port } as const;
  return {
    kind: 'connect',
    name: 'far',
    servers: [{ address, weight: 1, backup: false }],
    reuse: 'never',
    idleTimeoutMs: 0,
    limits: {
      ...{ workers: 2, queue: 2, queueTimeoutMs: 1_000, readTimeoutMs: 0, requestTimeoutMs: 0 },
      ...{ slowAfterMs: 0, stopTimeoutMs: 1_000 },
    },
    fingerprint: String(port),
    warnings: [],
  } as unknown as ConnectPlan;
}

it('a connect pool keeps what is known of its servers while they are the same, as threads do', async () => {
  const parts = { clock: new FakeClock(), log: new RecordingLog(), frontThreads: 2, onFault: () => {} };
  const unit = connectUnit(planOf(1), parts as unknown as Parameters<typeof connectUnit>[1]);
  const known = (): unknown => {
    const { share } = unit.share(1, true);
    assert.equal(share.kind, 'connect');
    return share.options.known;
  };
  const first = known();
  await unit.reload(planOf(1), false);
  assert.equal(known(), first);
  await unit.reload(planOf(2), false);
  const second = known();
  assert.notEqual(second, first);
  await unit.reload(planOf(1), false);
  assert.equal(known(), first, 'undone');
  await unit.destroy();
});

it('a connect pool that was closed before it was started looks at no server', async () => {
  const clock = new FakeClock();
  const parts = { clock, log: new RecordingLog(), frontThreads: 2, onFault: () => {} };
  for (const end of ['close', 'destroy'] as const) {
    const unit = connectUnit(planOf(1), parts as unknown as Parameters<typeof connectUnit>[1]);
    await unit[end]();
    await unit.start();
    await unit.reload(planOf(2), false);
    assert.equal(clock.running, 0);
  }
});
