// What property tests and the fuzzer generate: records and streams of them, environments, outputs of CGI programs, and cuts.

import { DATA, PARAMS, STDERR, STDIN, STDOUT, type StreamType } from '../../src/protocol/fastcgi/record.ts';
import { pairBytes, type RecordWriter } from '../../src/protocol/fastcgi/record-writer.ts';
import fc from '../support/seeded-fast-check.ts';

/** One thing to write. */
export type Written =
  | { readonly kind: 'content'; readonly type: StreamType; readonly id: number; readonly content: Uint8Array }
  | { readonly kind: 'closed'; readonly type: StreamType; readonly id: number }
  | { readonly kind: 'begin' | 'abort' | 'end'; readonly id: number }
  | { readonly kind: 'unknown' };

const id = fc.integer({ min: 1, max: 65_535 });
const streamType = fc.constantFrom<StreamType>(PARAMS, STDIN, STDOUT, STDERR, DATA);
const content = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 65_520, max: 65_550 }).map((length) => new Uint8Array(length).fill(length)),
  },
);

/** A sequence of records. */
export const written: fc.Arbitrary<Written[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('content' as const), type: streamType, id, content }),
    fc.record({ kind: fc.constant('closed' as const), type: streamType, id }),
    fc.record({ kind: fc.constantFrom('begin' as const, 'abort' as const, 'end' as const), id }),
    fc.record({ kind: fc.constant('unknown' as const) }),
  ),
  { maxLength: 12 },
);

/** Writes one thing. */
export function write(writer: RecordWriter, one: Written): void {
  if (one.kind === 'content') writer.content(one.type, one.id, one.content);
  else if (one.kind === 'closed') writer.end(one.type, one.id);
  else if (one.kind === 'begin') writer.begin(one.id, 'responder', true);
  else if (one.kind === 'abort') writer.abort(one.id);
  else if (one.kind === 'end') writer.endRequest(one.id, one.id, 0);
  else writer.unknownType(99);
}

/** Where to cut bytes: sizes of pieces, used in turn. */
export const cuts: fc.Arbitrary<number[]> = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 8 });

/** Cuts bytes into pieces. */
export function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length]!;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const byteString = (maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));

/** An environment whose pairs each fit into a record. */
export const environment: fc.Arbitrary<Record<string, string>> = fc
  .array(
    fc.tuple(
      byteString(140),
      fc.oneof({ weight: 9, arbitrary: byteString(200) }, { weight: 1, arbitrary: byteString(20_000) }),
    ),
    {
      maxLength: 20,
    },
  )
  .map((pairs) => Object.assign(Object.create(null), Object.fromEntries(pairs)) as Record<string, string>)
  .filter((pairs) => Object.entries(pairs).every(([name, value]) => pairBytes(name, value) < 64_000));

const token = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_.!~'), minLength: 1, maxLength: 12 });
const value = byteString(30).map((text) => text.replace(/[\x00-\x1f\x7f]/g, '').trim());
const lineEnd = fc.constantFrom('\n', '\r\n');

/** The output of a CGI program, and what is to be read from it. */
export const output: fc.Arbitrary<{
  readonly text: string;
  readonly fields: readonly string[];
  readonly body: string;
}> = fc
  .record({
    fields: fc.array(
      fc.tuple(
        token.map((name) => `X-${name}`),
        value,
      ),
      { minLength: 1, maxLength: 10 },
    ),
    lineEnd,
    lastEnd: lineEnd,
    body: byteString(200),
  })
  .map(({ fields, lineEnd, lastEnd, body }) => ({
    text: `${fields.map(([name, text]) => `${name}: ${text}${lineEnd}`).join('')}${lastEnd}${body}`,
    fields: fields.flat(),
    body,
  }));
