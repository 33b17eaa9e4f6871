import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { clearClientCounts, clientCountsMemory, SharedClientCounts } from '../../src/front/client-counts.ts';

describe('counts of connections in shared memory', () => {
  it('are those of all threads, in all and of each address', () => {
    const memories = [clientCountsMemory(), clientCountsMemory()];
    const [one, other] = [new SharedClientCounts(memories, 0), new SharedClientCounts(memories, 1)];
    assert.ok(one.serve(3) && other.serve(3) && one.serve(3));
    assert.equal(other.serve(3), false);
    assert.equal(one.served, 3);
    for (const counts of [one, other, one]) assert.ok(counts.add('10.0.0.1', 0));
    assert.ok(other.add('10.0.0.2', 1));
    assert.equal(one.add('10.0.0.2', 1), false);
    assert.equal(other.add('10.0.0.1', 3), false);
    assert.deepEqual([one.of('10.0.0.1'), other.of('10.0.0.1'), one.of('10.0.0.2'), one.of('10.0.0.3')], [3, 3, 1, 0]);
    one.remove('10.0.0.1');
    one.leave();
    assert.deepEqual([other.of('10.0.0.1'), other.served], [2, 2]);
    assert.ok(other.serve(3));
  });

  it('let no more wait than may, in whichever thread, and forget those of a thread that is no more', () => {
    const memories = [clientCountsMemory(), clientCountsMemory()];
    const [one, other] = [new SharedClientCounts(memories, 0), new SharedClientCounts(memories, 1)];
    assert.deepEqual([one.wait(2), other.wait(2), one.wait(2), other.wait(2)], [true, true, false, false]);
    one.endWait();
    assert.deepEqual([other.wait(2), one.wait(2)], [true, false]);
    clearClientCounts(memories[1]!);
    assert.deepEqual([one.wait(2), one.wait(2), one.wait(2)], [true, true, false]);
  });

  it('lose what a thread counted that is no more', () => {
    const memories = [clientCountsMemory(), clientCountsMemory()];
    const [one, other] = [new SharedClientCounts(memories, 0), new SharedClientCounts(memories, 1)];
    one.serve(0);
    one.add('::1', 0);
    other.serve(0);
    other.add('::1', 0);
    clearClientCounts(memories[0]!);
    assert.deepEqual([other.served, other.of('::1')], [1, 1]);
  });

  it('find their slots again: 50,000 addresses come and go', () => {
    const memories = [clientCountsMemory()];
    const counts = new SharedClientCounts(memories, 0);
    const addresses = Array.from({ length: 50_000 }, (_, at) => `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`);
    for (const address of addresses) counts.add(address, 0);
    const once = addresses.filter((address) => counts.of(address) === 1).length;
    assert.ok(once > 49_950, `${once} are counted`);
    for (const address of addresses) counts.remove(address);
    assert.ok(addresses.every((address) => counts.of(address) === 0));
  });
});
