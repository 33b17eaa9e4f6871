import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ErrorCode } from '../../src/errors.ts';
import { Balance, type BalanceLimits, defaultBalanceLimits } from '../../src/upstream/balance.ts';
import { newServerMemory, ServerBoard } from '../../src/upstream/server-board.ts';
import { Upstream, type UpstreamEvents } from '../../src/upstream/upstream.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** A balance over servers named by their paths: "/a" of weight 5, "/b" of weight 1; those of weight 0 are backups. */
function balanceOf(
  weights: Record<string, number>,
  limits: Partial<BalanceLimits> = {},
  full: string[] = [],
  board = new ServerBoard(newServerMemory(Object.keys(weights).length)),
) {
  const clock = new FakeClock();
  const upstreams = Object.entries(weights).map(([path, weight]) => ({
    upstream: new Upstream({ kind: 'unix', path }, { maxConnections: full.includes(path) ? 0 : 8 }, events),
    weight: Math.max(1, weight),
    isBackup: weight === 0,
  }));
  const balance = new Balance(upstreams, { ...defaultBalanceLimits, ...limits }, clock, board);
  const named = (path: string): Upstream => upstreams[Object.keys(weights).indexOf(path)]!.upstream;
  return {
    clock,
    balance,
    choose: (tried: string[] = []): string | null => nameOf(balance.choose(new Set(tried.map(named)))),
    report: (path: string, code: ErrorCode | null) => balance.report(named(path), code),
  };
}

const events: UpstreamEvents = {
  keeps: () => false,
  freed: () => {},
  reached: () => {},
  silent: () => {},
  straggled: () => {},
};

function nameOf(upstream: Upstream | null): string | null {
  return upstream?.address.kind === 'unix' ? upstream.address.path : null;
}

describe('a balance', () => {
  it('takes turns by weight, evenly spread', () => {
    const { choose } = balanceOf({ '/a': 5, '/b': 1, '/c': 1 });
    const turns = Array.from({ length: 14 }, () => choose()!.slice(1)).join('');
    assert.equal(turns, 'aabacaaaabacaa');
  });

  it('takes turns by weight over all threads, however their choices alternate', () => {
    const weights = { '/a': 5, '/b': 1, '/c': 1 };
    const memory = newServerMemory(3);
    const threads = [0, 1, 2].map(() => balanceOf(weights, {}, [], new ServerBoard(memory)));
    const order = [0, 0, 1, 2, 1, 0, 2, 2, 2, 1, 0, 1, 1, 0];
    const turns = order.map((thread) => threads[thread]!.choose()!.slice(1)).join('');
    assert.equal(turns, 'aabacaaaabacaa');
  });

  it('passes over those that were tried, and has none when all were', () => {
    const { choose } = balanceOf({ '/a': 1, '/b': 1 });
    assert.equal(choose(['/a']), '/b');
    assert.equal(choose(['/b']), '/a');
    assert.equal(choose(['/a', '/b']), null);
  });

  it('passes over those that have no room', () => {
    const { choose } = balanceOf({ '/a': 1, '/b': 1 }, {}, ['/a']);
    assert.deepEqual([choose(), choose()], ['/b', '/b']);
  });

  it('rests one that failed, for failTimeoutMs', () => {
    const { choose, report, clock, balance } = balanceOf({ '/a': 1, '/b': 1 });
    report('/a', 'CONNECT_FAILED');
    assert.equal(balance.resting, 1);
    assert.deepEqual([choose(), choose(), choose()], ['/b', '/b', '/b']);
    clock.advance(10_000);
    assert.equal(balance.resting, 0);
    assert.ok([choose(), choose()].includes('/a'));
  });

  it('counts failures up to maxFails within failTimeoutMs', () => {
    const { report, clock, balance } = balanceOf({ '/a': 1, '/b': 1 }, { maxFails: 2 });
    report('/a', 'CONNECTION_LOST');
    assert.equal(balance.resting, 0);
    clock.advance(10_001);
    report('/a', 'CONNECTION_LOST');
    assert.equal(balance.resting, 0);
    report('/a', 'ANSWER_TIMEOUT');
    assert.equal(balance.resting, 1);
  });

  it('forgets failures after a success', () => {
    const { report, balance } = balanceOf({ '/a': 1, '/b': 1 }, { maxFails: 2 });
    report('/a', 'CONNECTION_LOST');
    report('/a', null);
    report('/a', 'CONNECTION_LOST');
    assert.equal(balance.resting, 0);
  });

  it('does not hold against an upstream what is not its fault', () => {
    const { report, balance } = balanceOf({ '/a': 1, '/b': 1 });
    report('/a', 'BODY_INCOMPLETE');
    report('/a', 'ANSWER_INVALID');
    assert.equal(balance.resting, 0);
  });

  it('never rests any with maxFails 0', () => {
    const { report, balance } = balanceOf({ '/a': 1, '/b': 1 }, { maxFails: 0 });
    report('/a', 'CONNECT_FAILED');
    assert.equal(balance.resting, 0);
  });

  it('tries the one that wakes first when all rest', () => {
    const { choose, report, clock } = balanceOf({ '/a': 1, '/b': 1 });
    report('/b', 'CONNECT_FAILED');
    clock.advance(5);
    report('/a', 'CONNECT_FAILED');
    assert.equal(choose(), '/b');
    assert.equal(choose(['/b']), '/a');
  });

  it('asks a backup only while all others rest or were tried', () => {
    const { choose, report, clock } = balanceOf({ '/a': 1, '/b': 1, '/spare': 0 });
    assert.deepEqual([choose(), choose(), choose(), choose()], ['/a', '/b', '/a', '/b']);
    assert.equal(choose(['/a', '/b']), '/spare');
    report('/a', 'CONNECT_FAILED');
    assert.deepEqual([choose(), choose(['/b'])], ['/b', '/spare']);
    report('/b', 'ANSWER_TIMEOUT');
    assert.equal(choose(), '/spare');
    clock.advance(10_000);
    assert.notEqual(choose(), '/spare');
  });

  it('waits for a server that is busy, and does not ask a backup for it', () => {
    assert.equal(balanceOf({ '/a': 1, '/spare': 0 }, {}, ['/a']).choose(), null);
  });

  it('ends the rest of one that answers', () => {
    const { report, balance } = balanceOf({ '/a': 1, '/b': 1 });
    report('/a', 'CONNECT_FAILED');
    report('/a', null);
    assert.equal(balance.resting, 0);
  });

  it('does not rest an upstream that is the only one', () => {
    const { choose, report } = balanceOf({ '/a': 1 });
    report('/a', 'CONNECT_FAILED');
    assert.equal(choose(), '/a');
  });
});
