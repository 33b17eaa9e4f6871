import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordExchange } from '../../src/connection/client-exchange.ts';
import { RunningExchanges } from '../../src/connection/client-exchange.ts';

const exchange = (id: number): RecordExchange => ({ id, request: { method: 'GET', url: `/${id}` } }) as RecordExchange;

test('exchanges are found by their ids, and walked in the order in which they began', () => {
  const running = new RunningExchanges();
  const [first, second] = [exchange(7), exchange(3)];
  running.add(first);
  running.add(second);
  assert.equal(running.size, 2);
  assert.equal(running.get(3), second);
  assert.equal(running.get(4), undefined);
  assert.deepEqual([...running], [first, second]);
});

test('an exchange that has ended is found no more, and one that does not run may be taken out', () => {
  const running = new RunningExchanges();
  const [first, second] = [exchange(1), exchange(2)];
  running.add(first);
  running.add(second);
  running.delete(first);
  running.delete(first);
  assert.equal(running.get(1), undefined);
  assert.deepEqual(running.takeAll(), [second]);
  assert.equal(running.size, 0);
});

test('ids go round and pass over those that run, so that a late record of one is never taken for the next', () => {
  const running = new RunningExchanges();
  assert.equal(running.nextId(), 1);
  assert.equal(running.nextId(), 1, 'an id that was not used is not lost');
  running.add(exchange(1));
  const second = exchange(running.nextId());
  running.add(second);
  running.delete(second);
  assert.equal(running.nextId(), 3);
  const last = exchange(255);
  running.add(last);
  assert.equal(running.nextId(), 2, '1 runs');
});

test('the requests that ended last are known by their ids, of older ones only that they were', () => {
  const running = new RunningExchanges();
  for (let id = 1; id <= 66; id += 1) {
    const one = exchange(id);
    running.add(one);
    running.delete(one);
  }
  assert.deepEqual(
    [running.hasUsed(0), running.hasUsed(1), running.hasUsed(66), running.hasUsed(67)],
    [false, true, true, false],
  );
  assert.equal(running.ended(2), null);
  assert.equal(running.ended(3)?.url, '/3');
  assert.equal(running.ended(66)?.url, '/66');
});
