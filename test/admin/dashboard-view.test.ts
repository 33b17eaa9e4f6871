// What the dashboard is told: moments that stay where they were, URLs without their query strings, and whatever a status has besides.

import assert from 'node:assert/strict';
import test from 'node:test';
import { asJson, type ViewOptions, viewOf } from '../../src/admin/dashboard-view.ts';
import { patchBetween } from '../../src/admin/merge-patch.ts';
import type { ServiceStatus } from '../../src/admin/source.ts';
import { laneSnapshot, poolSnapshot, serviceStatus, slowRequest } from '../support/service-status.ts';

const options: ViewOptions = { now: 1_000_000, previous: null, withQuery: false, hasActions: false };
const withLane = (changes: Parameters<typeof laneSnapshot>[0]): ServiceStatus =>
  serviceStatus({ pools: [poolSnapshot({ lanes: [laneSnapshot(changes)] })] });

test('times that grow are moments, and the next sample changes nothing of a lane to which nothing happens', () => {
  const busy = { state: 'busy', request: 7, runMs: 1_500, ageMs: 60_000, sinceMs: 1_500 } as const;
  const before = viewOf(withLane(busy), options);
  const lane = before.pools.php!.lanes[0]!;
  assert.deepEqual([lane.beganAt, lane.ranMs, lane.startedAt], [998_500, null, 940_000]);
  const later = { ...busy, runMs: 1_999.4, ageMs: 60_499.4, sinceMs: 1_999.4 };
  const after = viewOf(withLane(later), { ...options, now: 1_000_503, previous: before });
  assert.equal(patchBetween(asJson(before), asJson(after)), undefined);
});

test('the next request on a lane has moments of its own', () => {
  const first = viewOf(withLane({ state: 'busy', request: 7, runMs: 20, sinceMs: 20 }), options);
  const second = viewOf(withLane({ state: 'busy', request: 8, runMs: 0, sinceMs: 0 }), { ...options, previous: first });
  assert.equal(second.pools.php!.lanes[0]!.beganAt, 1_000_000);
});

test('query strings are told only where they are asked for, those of ends too', () => {
  const end = {
    number: 3,
    at: 5,
    pid: 1,
    generation: 1,
    reason: 'crash',
    ending: 'SIGSEGV',
    method: 'GET',
    url: '/x?token=secret',
    runMs: 3,
    isCause: true,
  } as const;
  const status = serviceStatus({
    pools: [
      poolSnapshot({
        lanes: [laneSnapshot({ url: '/a?b' })],
        lastEnds: [end],
        slow: [slowRequest({ url: '/y?token=secret' })],
      }),
    ],
  });
  const hidden = JSON.stringify(viewOf(status, options));
  assert.doesNotMatch(hidden, /secret|\?b/);
  assert.match(hidden, /\/x\?…/);
  assert.match(JSON.stringify(viewOf(status, { ...options, withQuery: true })), /token=secret/);
});

test('a section that this file knows nothing of is passed on', () => {
  const status = { ...serviceStatus(), weather: [{ place: 'here', drops: 3 }] };
  const view = asJson(viewOf(status, options));
  assert.deepEqual(view.weather, [{ place: 'here', drops: 3 }]);
  assert.equal(view.upMs, undefined);
});
