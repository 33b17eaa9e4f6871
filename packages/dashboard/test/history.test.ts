// The points of the charts: rates, percentiles of what came just now, gaps, and pools that come and go.

import assert from 'node:assert/strict';
import test from 'node:test';
import { viewOf } from '../../../src/admin/dashboard-view.ts';
import { Durations } from '../../../src/queue/queue-books.ts';
import { poolSnapshot, serviceStatus } from '../../../test/support/service-status.ts';
import type { Service } from '../src/arrived.ts';
import { allPools, History } from '../src/history.ts';

const startMs = 1_700_000_000_000;

function view(pools: Readonly<Record<string, { done: number; durations: Durations }>>): Service {
  const status = serviceStatus({
    pools: Object.entries(pools).map(([name, { done, durations }]) =>
      poolSnapshot({
        name,
        durations: durations.snapshot(),
        counters: { ...poolSnapshot().counters, finished: done, aborted: 0, refused: 0, failed: 0 },
      }),
    ),
  });
  return viewOf(status, { now: 0, previous: null, withQuery: false, hasActions: false }) as Service;
}

test('a point a second, with the rate since the last one, for each pool and for all', () => {
  const history = new History();
  const durations = new Durations();
  assert.equal(history.take(view({ a: { done: 10, durations }, b: { done: 0, durations } }), startMs), true);
  assert.equal(history.take(view({ a: { done: 15, durations }, b: { done: 0, durations } }), startMs + 500), false);
  history.take(view({ a: { done: 30, durations }, b: { done: 4, durations } }), startMs + 2_000);
  assert.deepEqual(
    history.of('a').map(({ rate }) => rate),
    [null, 10],
  );
  assert.equal(history.of(allPools).at(-1)!.rate, 12);
});

test('percentiles are those of what came within the last seconds', () => {
  const history = new History();
  const durations = new Durations();
  for (let count = 0; count < 1_000; count += 1) durations.note(0, 900);
  history.take(view({ a: { done: 1_000, durations } }), startMs);
  assert.equal(history.of('a').at(-1)!.p50, null, 'what came before anybody looked is not known');
  for (let count = 0; count < 10; count += 1) durations.note(0, 10);
  history.take(view({ a: { done: 1_010, durations } }), startMs + 1_000);
  const { p50, p99 } = history.of('a').at(-1)!;
  assert.ok(p50! > 7 && p50! <= 10, String(p50));
  assert.ok(p99! <= 10);
});

test('a page that was asleep draws no line over that time, and no rate of it', () => {
  const history = new History();
  const durations = new Durations();
  history.take(view({ a: { done: 0, durations } }), startMs);
  history.take(view({ a: { done: 9_000, durations } }), startMs + 60_000);
  const points = history.of('a');
  assert.deepEqual(
    points.map(({ rate }) => rate),
    [null, null, null],
  );
  assert.ok(Number.isNaN(points[1]!.busy));
});

test('a service that was started anew counts from zero', () => {
  const history = new History();
  const durations = new Durations();
  history.take(view({ a: { done: 5_000, durations } }), startMs);
  history.take(view({ a: { done: 3, durations } }), startMs + 1_000);
  assert.equal(history.of('a').at(-1)!.rate, null);
  history.take(view({ a: { done: 5, durations } }), startMs + 2_000);
  assert.equal(history.of('a').at(-1)!.rate, 2);
});

test('a pool that is gone is forgotten, and ten minutes are kept', () => {
  const history = new History();
  const durations = new Durations();
  history.take(view({ a: { done: 0, durations }, b: { done: 0, durations } }), startMs);
  for (let second = 1; second <= 700; second += 1)
    history.take(view({ a: { done: second, durations } }), startMs + second * 1_000);
  assert.deepEqual(history.of('b'), []);
  assert.equal(history.of('a').length, 600);
});
