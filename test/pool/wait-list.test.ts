// The queue before a pool.

import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { type Waiter, WaitList } from '../../src/pool/wait-list.ts';

class Guest implements Waiter<Guest> {
  nextWaiter: Guest | null = null;
  previousWaiter: Guest | null = null;
  isWaiting = false;
}

const members = (list: WaitList<Guest>): Guest[] => {
  const found: Guest[] = [];
  for (let guest = list.first; guest !== null; guest = guest.nextWaiter) found.push(guest);
  return found;
};

test('whatever is added and removed, the list is what an array would be', () => {
  const step = fc.record({ what: fc.constantFrom('add', 'addFirst', 'remove'), which: fc.nat(9) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const guests = Array.from({ length: 10 }, () => new Guest());
      const list = new WaitList<Guest>();
      const model: Guest[] = [];
      for (const { what, which } of steps) {
        const guest = guests[which]!;
        const at = model.indexOf(guest);
        if (what === 'remove') {
          assert.equal(list.remove(guest), at >= 0);
          if (at >= 0) model.splice(at, 1);
        } else if (at < 0) {
          if (what === 'add') list.add(guest);
          else list.addFirst(guest);
          if (what === 'add') model.push(guest);
          else model.unshift(guest);
        }
        assert.deepEqual(members(list), model);
        assert.equal(list.length, model.length);
        assert.equal(list.first, model[0] ?? null);
      }
    }),
  );
});
