import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AcmeProblem, parseRetryAfter, problemOf } from '../../src/acme/acme-problem.ts';
import {
  type Failure,
  failed,
  mayRetry,
  mostOrders,
  type OrderBooks,
  orderAt,
  orderPeriodMs,
  renewalAt,
  withHold,
  withOrder,
} from '../../src/acme/back-off.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const refused = new AcmeProblem('no', { status: 403, type: 'unauthorized' });
const none: OrderBooks = { orders: [], holds: {} };

describe('failed()', () => {
  it('waits longer each time, up to a day, and never fails five times in an hour', () => {
    let failure: Failure | null = null;
    let nowMs = 0;
    const at: number[] = [];
    for (let count = 0; count < 12; count += 1) {
      at.push(nowMs);
      failure = failed(failure, refused, nowMs, 0);
      nowMs = failure.nextAtMs;
    }
    const pauses = at.slice(1).map((ms, index) => (ms - at[index]!) / minuteMs);
    assert.deepEqual(pauses, [1, 5, 15, 60, 180, 360, 720, 1_440, 1_440, 1_440, 1_440]);
    for (const from of at) assert.ok(at.filter((ms) => ms >= from && ms < from + hourMs).length < 5);
  });

  it('lets a name fail five times in any hour at most, though somebody reloads each minute', () => {
    let failure: Failure | null = null;
    const at: number[] = [];
    for (let nowMs = 0; nowMs < 12 * hourMs; nowMs += minuteMs) {
      if (failure !== null && failure.nextAtMs > nowMs && !mayRetry(failure, nowMs)) continue;
      failure = failed(failure, refused, nowMs, 0);
      at.push(nowMs);
    }
    assert.deepEqual(
      at.slice(0, 6).map((ms) => ms / minuteMs),
      [0, 1, 6, 21, 51, 81],
    );
    for (const from of at) assert.ok(at.filter((ms) => ms >= from && ms < from + hourMs).length <= 5);
  });

  it('waits as long as the authority asks for, and an hour at most where nobody judged', () => {
    const asked = new AcmeProblem('later', { status: 429, type: 'rateLimited', retryAfterMs: 50 * hourMs });
    assert.equal(failed(null, asked, 7, 0).nextAtMs, 7 + 50 * hourMs);
    const soon = new AcmeProblem('later', { status: 429, retryAfterMs: 1_000 });
    assert.equal(failed(null, soon, 0, 0).nextAtMs, minuteMs);
    const ninth: Failure = { count: 9, atMs: 0, nextAtMs: 0, why: '' };
    assert.equal(failed(ninth, new AcmeProblem('nobody there'), 0, 0).nextAtMs, hourMs);
    assert.equal(failed(ninth, new AcmeProblem('in trouble', { status: 500 }), 0, 1).nextAtMs, 66 * minuteMs);
  });
});

describe('orderAt()', () => {
  it('lets so many orders through in a while, and then one for each that has left it', () => {
    let books = none;
    for (let count = 0; count < mostOrders; count += 1) {
      assert.equal(orderAt(books, 'a.org', count), count);
      books = withOrder(books, count);
    }
    assert.equal(orderAt(books, 'a.org', 1_000), orderPeriodMs);
    assert.equal(orderAt(books, 'a.org', orderPeriodMs), orderPeriodMs);
    books = withOrder(books, orderPeriodMs);
    assert.equal(books.orders.length, mostOrders);
    assert.equal(orderAt(books, 'a.org', orderPeriodMs), orderPeriodMs + 1);
  });

  it('holds all names below a domain of which there were too many, and no other', () => {
    const books = withHold(none, 'www.a.org', 5_000);
    assert.deepEqual(
      ['b.a.org', 'a.org', 'a.com'].map((name) => orderAt(books, name, 10)),
      [5_000, 5_000, 10],
    );
    assert.deepEqual(withOrder(books, 6_000).holds, {});
  });
});

it('renewalAt() is where a third of a life is left, however long it is', () => {
  const facts = { names: [], issuer: '', fingerprint: '' };
  assert.equal(renewalAt({ ...facts, notBefore: 0, notAfter: 90 }), 60);
  assert.equal(renewalAt({ ...facts, notBefore: 1_000, notAfter: 1_600 }), 1_400);
});

describe('an authority', () => {
  it('says when to come again in seconds or by a date', () => {
    const nowMs = Date.parse('Fri, 31 Dec 1999 23:59:00 GMT');
    for (const [value, ms] of [
      ['120', 120_000],
      [' 0 ', 0],
      ['Fri, 31 Dec 1999 23:59:59 GMT', 59_000],
      ['Fri, 31 Dec 1999 23:00:00 GMT', 0],
      ['-5', null],
      ['1e9', null],
      ['999999999', 7 * 24 * hourMs],
      ['9'.repeat(400), 7 * 24 * hourMs],
      ['Sat, 13 Sep 275760 00:00:00 GMT', 7 * 24 * hourMs],
      ['soon', null],
      ['', null],
      [undefined, null],
    ] as const)
      assert.equal(parseRetryAfter(value, nowMs), ms, String(value));
  });

  it('is quoted without what a terminal would obey, and never at length', () => {
    const type = 'urn:ietf:params:acme:error:rejectedIdentifier';
    const problem = problemOf(
      { type, detail: `no\u001b[31m ${'x'.repeat(5_000)}`, subproblems: [{ detail: 'a.org' }] },
      400,
    );
    assert.equal(problem.type, 'rejectedIdentifier');
    assert.ok(!problem.message.includes('\u001b'));
    assert.ok(
      problem.message.length < 1_000 && problem.message.endsWith('; a.org (rejectedIdentifier)'),
      problem.message,
    );
    assert.equal(problemOf('nonsense', 502).message, 'it answered 502');
    assert.equal(problemOf({ type: 7, detail: null, subproblems: [null] }, 400).message, 'it answered 400');
  });
});
