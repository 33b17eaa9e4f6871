import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ClientWatch } from '../../src/gateway/client-watch.ts';

/** Looks at these moments, at a client that has taken so many bytes by then. @returns at which it was overdue */
function overdueAt(timeoutMs: number, looks: readonly (readonly [atMs: number, takenClosely: number])[]): number[] {
  const watch = new ClientWatch();
  let taken = 0;
  const ask = (closely: boolean): number => (closely ? taken : 0);
  watch.start(0, ask);
  return looks.flatMap(([atMs, now]) => {
    taken = now;
    return watch.isOverdue(atMs, timeoutMs, ask) ? [atMs] : [];
  });
}

const quarters = (last: number): [number, number][] =>
  Array.from({ length: last }, (_, index) => [(index + 1) * 200, 0]);

describe('ClientWatch', () => {
  it('says so at the limit when nothing was taken', () => {
    assert.deepEqual(overdueAt(800, quarters(4)), [800]);
  });

  it('does not when a little was taken that only a close look sees', () => {
    assert.deepEqual(
      overdueAt(800, [
        [200, 0],
        [400, 0],
        [600, 1],
        [800, 1],
        [1_000, 1],
        [1_200, 1],
      ]),
      [],
    );
  });

  it('does not at the first look after this process stood still, in which nobody could take anything', () => {
    assert.deepEqual(
      overdueAt(800, [
        [200, 0],
        [400, 0],
        [900, 0],
        [1_100, 1],
      ]),
      [],
    );
    assert.deepEqual(
      overdueAt(800, [
        [200, 0],
        [400, 0],
        [900, 0],
        [1_100, 0],
      ]),
      [1_100],
    );
  });
});
