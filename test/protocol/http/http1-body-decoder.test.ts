import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PosternError } from '../../../src/errors.ts';
import { BodyDecoder } from '../../../src/protocol/http/http1-body-decoder.ts';
import fc from '../../support/seeded-fast-check.ts';

/** Decodes `text`, cut into pieces of `step` bytes; tells the body, and what was left of the piece in which it ended. */
function decode(
  text: string,
  contentLength: number | null,
  step = text.length,
): { body: string; rest: string; isDone: boolean } {
  const decoder = new BodyDecoder(contentLength);
  let body = '';
  let at = 0;
  while (at < text.length && !decoder.isDone) {
    const piece = Buffer.from(text.slice(at, at + step), 'latin1');
    at += decoder.decode(piece, 0, (data) => {
      body += data.toString('latin1');
    });
  }
  return { body, rest: text.slice(at), isDone: decoder.isDone };
}

const chunked: readonly (readonly [title: string, wire: string, body: string])[] = [
  ['no chunk', '0\r\n\r\n', ''],
  ['one chunk', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['sizes in either case', 'A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n', '01234567890123456789'],
  ['leading zeros', '0005\r\nhello\r\n000\r\n\r\n', 'hello'],
  ['CR LF in the data', '4\r\n\r\n\r\n\r\n0\r\n\r\n', '\r\n\r\n'],
  ['extensions', '5;a;b=c;d="e;\\"f"\r\nhello\r\n0;z\r\n\r\n', 'hello'],
  ['trailers, which are dropped', '5\r\nhello\r\n0\r\nA: b\r\nHost: c\r\n\r\n', 'hello'],
];

const refused: readonly (readonly [title: string, wire: string])[] = [
  ['no size', '\r\nhello\r\n0\r\n\r\n'],
  ['a size that is no number', 'g\r\n'],
  ['a negative size', '-1\r\n'],
  ['a size with 0x', '0x5\r\nhello\r\n'],
  ['a size above 2^53', '20000000000001\r\n'],
  ['a size of 17 digits', '00000000000000005\r\nhello\r\n'],
  ['a space after the size', '5 \r\nhello\r\n'],
  ['a bare LF after the size', '5\nhello\r\n'],
  ['a chunk longer than its size', '5\r\nhello!\r\n'],
  ['a chunk that ends in a bare LF', '5\r\nhello\n0\r\n\r\n'],
  ['an extension that is no token', '5;a b\r\nhello\r\n'],
  ['an extension with CR in it', '5;a\rb\r\nhello\r\n'],
  ['an extension line above 256 bytes', `5;${'a'.repeat(300)}\r\nhello\r\n`],
  ['extensions above 16 KiB in all', `1;${'a'.repeat(200)}\r\nb\r\n`.repeat(90)],
  ['a trailer that speaks of framing', '0\r\nContent-Length: 7\r\n\r\n'],
  ['a trailer without a colon', '0\r\nA\r\n\r\n'],
  ['a folded trailer', '0\r\nA: b\r\n c\r\n\r\n'],
  ['a trailer with a bare LF', '0\r\nA: b\n\r\n'],
  ['a trailer above 8 KiB', `0\r\n${`A: ${'b'.repeat(100)}\r\n`.repeat(100)}\r\n`],
];

describe('BodyDecoder', () => {
  for (const [title, wire, body] of chunked) {
    it(`reads a chunked body with ${title}, cut at any byte`, () => {
      for (let step = 1; step <= wire.length + 3; step += 1) {
        assert.deepEqual(decode(`${wire}GET`, null, step), { body, rest: 'GET', isDone: true }, `cut at ${step}`);
      }
    });
  }

  for (const [title, wire] of refused) {
    it(`refuses ${title}, cut at any byte`, () => {
      for (const step of [1, 2, 3, 7, wire.length]) {
        assert.throws(
          () => decode(wire, null, step),
          (error) => error instanceof PosternError && error.code === 'BAD_REQUEST',
          `cut at ${step}`,
        );
      }
    });
  }

  it('reads a body of known length, cut at any byte', () => {
    for (let step = 1; step <= 9; step += 1) {
      assert.deepEqual(decode('helloGET', 5, step), { body: 'hello', rest: 'GET', isDone: true });
    }
  });

  it('is done at once with a body of length 0', () => {
    assert.equal(new BodyDecoder(0).isDone, true);
  });

  it('is not done before the last byte came', () => {
    assert.equal(decode('hell', 5).isDone, false);
    assert.equal(decode('5\r\nhello\r\n0\r\n\r', null).isDone, false);
  });

  it('reads what was cut into chunks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 })),
        fc.integer({ min: 1, max: 70 }),
        (pieces, step) => {
          const texts = pieces.map((piece) => Buffer.from(piece).toString('latin1'));
          const wire = `${texts.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join('')}0\r\n\r\n`;
          assert.deepEqual(decode(wire, null, step), { body: texts.join(''), rest: '', isDone: true });
        },
      ),
    );
  });
});
