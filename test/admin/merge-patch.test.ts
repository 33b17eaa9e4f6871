// Patches: what is put into the older value gives the newer one, whatever the two are.

import assert from 'node:assert/strict';
import test from 'node:test';

import { applyPatch, type Json, type JsonObject, patchBetween } from '../../src/admin/merge-patch.ts';
import fc from '../support/seeded-fast-check.ts';

/** Absent and null are the same. */
function bare(value: Json): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value as JsonObject).filter(([, one]) => (one ?? null) !== null);
  return Object.fromEntries(entries.map(([key, one]) => [key, bare(one!)]));
}

const object = fc.dictionary(
  fc.constantFrom('a', 'b', 'c', 'd'),
  fc.letrec<{ json: Json }>((tie) => ({
    json: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constant(null),
      fc.integer({ min: 0, max: 2 }),
      fc.array(fc.nat(2), { maxLength: 2 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('json'), { maxKeys: 3 }),
    ),
  })).json,
) as fc.Arbitrary<JsonObject>;

test('a patch between two values makes the second of the first, also when it has been JSON', () => {
  fc.assert(
    fc.property(object, object, (before, after) => {
      const patch = patchBetween(before, after);
      const carried = patch === undefined ? {} : (JSON.parse(JSON.stringify(patch)) as JsonObject);
      assert.deepEqual(bare(applyPatch(before, carried)), bare(after));
    }),
  );
});

test('there is no patch between a value and itself', () => {
  fc.assert(fc.property(object, (value) => assert.equal(patchBetween(value, structuredClone(value)), undefined)));
});

test('what a patch does not name stays the same object', () => {
  const before = { a: { x: 1 }, b: { y: 1 } };
  const after = applyPatch(before, { b: { y: 2 } });
  assert.equal(after.a, before.a);
  assert.notEqual(after.b, before.b);
});
