// Limits of rules that several threads count together.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RequestLimit } from '../../src/gateway/request-limit.ts';
import { clearRunning, newRatesMemory, newRunningMemory, SharedLimits } from '../../src/gateway/shared-limits.ts';
import { FakeClock } from '../support/fake-clock.ts';

const second = { requests: 2, everyMs: 1_000 };

/** The limit of one rule in three threads. */
function threads(options: { rate?: typeof second; burst?: number; connections?: number }, clock = new FakeClock()) {
  const memory = { rates: newRatesMemory(), running: [newRunningMemory(), newRunningMemory(), newRunningMemory()] };
  const limit = (own: number, name = 'rule 1') =>
    new RequestLimit(
      { rate: null, burst: 0, connections: 0, by: 'address', ...options },
      clock,
      new SharedLimits(memory, own),
      name,
    );
  return { memory, clock, limit, limits: [limit(0), limit(1), limit(2)] };
}

describe('limits that threads count together', () => {
  it('are kept on a machine that has been up for more than a year', () => {
    const clock = new FakeClock();
    clock.advance(408 * 86_400_000);
    const { limits } = threads({ rate: { requests: 1, everyMs: 60_000 } }, clock);
    const addresses = Array.from({ length: 2_000 }, (_, at) => `10.0.${at >> 8}.${at & 255}`);
    for (const address of addresses) assert.equal(limits[0]!.begin(address), 'go', address);
    clock.advance(10);
    const through = addresses.filter((address) => limits[1]!.begin(address) === 'go');
    assert.deepEqual(through, []);
  });

  it('let a client make the requests of its rate, in whichever thread it asks', () => {
    const { limits, clock, limit } = threads({ rate: second, burst: 3 });
    const asked = Array.from({ length: 9 }, (_, at) => limits[at % 3]!.begin('192.0.2.1'));
    assert.deepEqual(asked.slice(0, 4), ['go', 'go', 'go', 'go']);
    assert.deepEqual(asked.slice(4), Array(5).fill({ afterMs: 500 }));
    assert.equal(limits[0]!.begin('192.0.2.2'), 'go', 'another client');
    assert.equal(limit(1, 'rule 2').begin('192.0.2.1'), 'go', 'another rule');
    clock.advance(500);
    assert.equal(limits[2]!.begin('192.0.2.1'), 'go');
    assert.deepEqual(limits[0]!.begin('192.0.2.1'), { afterMs: 500 });
    clock.advance(60_000);
    assert.deepEqual(
      Array.from({ length: 5 }, (_, at) => limits[at % 3]!.begin('192.0.2.1') === 'go'),
      [true, true, true, true, false],
    );
  });

  it('bound the requests that a client has at a time, and forget those of a thread that has ended', () => {
    const { limits, memory } = threads({ connections: 2 });
    assert.equal(limits[0]!.begin('::1'), 'go');
    assert.equal(limits[1]!.begin('::1'), 'go');
    assert.deepEqual(limits[2]!.begin('::1'), { afterMs: 1_000 });
    assert.equal(limits[2]!.begin('::1:0:0:0:1'), 'go', 'another client');
    limits[0]!.end('::1');
    assert.equal(limits[2]!.begin('::1'), 'go');
    assert.deepEqual(limits[0]!.begin('::1'), { afterMs: 1_000 });
    clearRunning(memory.running[1]!);
    assert.equal(limits[0]!.begin('::1'), 'go');
  });

  it('remember ten thousand clients that ask at once, and make place for new ones', () => {
    const { limits, clock } = threads({ rate: { requests: 1, everyMs: 60_000 } });
    const address = (at: number): string => `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`;
    // One in some 30,000 is taken for another that has its place in the same window.
    const taken = (from: number, to: number): number => {
      let count = 0;
      for (let at = from; at < to; at += 1) if (limits[at % 3]!.begin(address(at)) !== 'go') count += 1;
      return count;
    };
    assert.ok(taken(0, 10_000) < 5);
    const known = Array.from({ length: 10_000 }, (_, at) => limits[0]!.begin(address(at)) !== 'go');
    assert.ok(known.filter((isKnown) => isKnown).length > 9_990);
    assert.ok(taken(10_000, 300_000) < 60);
    clock.advance(60_000);
    assert.equal(limits[0]!.begin(address(1)), 'go');
    assert.notEqual(limits[1]!.begin(address(1)), 'go');
  });
});
