import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cut, joined } from '../../src/protocol/pieces.ts';

const sent = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value)) as Value;
const many = <One>(count: number, one: (index: number) => One): One[] =>
  Array.from({ length: count }, (_, i) => one(i));
const record = (count: number, one: (index: number) => unknown): Record<string, unknown> =>
  Object.fromEntries(many(count, (index) => [`k${index}`, one(index)]));

const values: Readonly<Record<string, unknown>> = {
  'a small value': { a: [1, { b: null }], c: 'text' },
  'no object': 'text',
  'an object of many': record(1_000, (index) => ({ index })),
  'an array of many': many(1_000, (index) => [index, null]),
  'many below others': { a: { b: record(250, String) }, c: [many(101, Number), 'd'] },
  'many in each of many': record(150, () => many(150, Number)),
  'names that objects have': JSON.parse(`{"__proto__": ${JSON.stringify(many(200, Number))}, "constructor": 1}`),
  'many with such a name among them': JSON.parse(`{"__proto__": 1, ${JSON.stringify(record(200, Number)).slice(1)}`),
};

describe('cut()', () => {
  for (const [name, value] of Object.entries(values))
    it(`comes together again: ${name}`, () => {
      const before = sent(value);
      const whole = joined(sent(cut(value)));
      assert.deepEqual(JSON.stringify(whole), JSON.stringify(before));
      assert.deepEqual(JSON.stringify(value), JSON.stringify(before), 'left as it was');
    });

  it('leaves no piece, and no rest, with more than 100 entries of one object', () => {
    const lengthOf = (value: unknown): number =>
      typeof value !== 'object' || value === null
        ? 0
        : Math.max(Object.keys(value).length, ...Object.values(value).map(lengthOf));
    const { rest, pieces } = cut(values['many in each of many']);
    assert.ok(lengthOf(rest) <= 100);
    for (const { entries } of pieces) assert.ok(lengthOf(entries) <= 100);
  });
});
