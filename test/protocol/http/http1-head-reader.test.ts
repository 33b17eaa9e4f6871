import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ErrorCode, PosternError } from '../../../src/errors.ts';
import { HeadReader } from '../../../src/protocol/http/http1-head-reader.ts';
import type { RequestHead } from '../../../src/protocol/http/http1-request-head.ts';

const head = 'GET /a?b HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\n\r\n';

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function hasCode(code: ErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof PosternError && error.code === code;
}

describe('HeadReader', () => {
  it('reads a head that came in one piece, and says how much of the chunk it was', () => {
    const reader = new HeadReader();
    assert.equal(reader.read(bytes(`${head}body`), 0)?.target, '/a?b');
    assert.equal(reader.consumed, head.length);
  });

  it('reads from the middle of a chunk', () => {
    const reader = new HeadReader();
    assert.equal(reader.read(bytes(`xyz${head}`), 3)?.target, '/a?b');
    assert.equal(reader.consumed, head.length);
  });

  it('reads the same head however the bytes are cut', () => {
    const long = `GET / HTTP/1.1\r\nHost: a\r\n${`A: ${'b'.repeat(100)}\r\n`.repeat(60)}\r\n`;
    fc.assert(
      fc.property(
        fc.constantFrom(head, `\r\n${head}`, long),
        fc.array(fc.nat(7_000), { maxLength: 8 }),
        (text, cuts) => {
          const reader = new HeadReader();
          const at = [...new Set(cuts.map((cut) => cut % text.length))].filter((cut) => cut > 0).sort((a, b) => a - b);
          const ends = [...at, text.length];
          let begin = 0;
          let read: RequestHead | null = null;
          for (const end of ends) {
            assert.equal(read, null);
            read = reader.read(bytes(text.slice(begin, end)), 0);
            assert.equal(reader.consumed, end - begin);
            begin = end;
          }
          const whole = new HeadReader().read(bytes(text), 0);
          assert.notEqual(whole, null);
          assert.deepEqual(read, whole);
        },
      ),
    );
  });

  it('overlooks one empty line before a head, not two', () => {
    assert.equal(new HeadReader().read(bytes(`\r\n${head}`), 0)?.method, 'GET');
    assert.throws(() => new HeadReader().read(bytes(`\r\n\r\n${head}`), 0), hasCode('BAD_REQUEST'));
  });

  for (const [title, text] of [
    ['a bare LF', 'GET / HTTP/1.1\n'],
    ['a bare CR', 'GET / HTTP/1.1\rH'],
    ['NUL', 'GET /\0'],
    ['a line of HTTP/0.9', 'GET /\r\n'],
  ] as const) {
    it(`refuses ${title} before the head is complete, however it is cut`, () => {
      assert.throws(() => new HeadReader().read(bytes(text), 0), hasCode('BAD_REQUEST'));
      assert.throws(() => {
        const reader = new HeadReader();
        for (const byte of bytes(text)) reader.read(Buffer.of(byte), 0);
      }, hasCode('BAD_REQUEST'));
    });
  }

  it('calls the greeting of TLS that, however it is cut', () => {
    const text = '\x16\x03\x01\x02\0\x01';
    assert.throws(() => new HeadReader().read(bytes(text), 0), hasCode('TLS_ON_PLAIN_PORT'));
    assert.throws(() => new HeadReader().read(bytes(text.slice(0, 1)), 0), hasCode('TLS_ON_PLAIN_PORT'));
  });

  it('refuses a head above 64 KiB, complete or not', () => {
    const lines = `A: ${'b'.repeat(995)}\r\n`.repeat(66);
    const text = `GET / HTTP/1.1\r\nHost: a\r\n${lines}`;
    assert.throws(() => new HeadReader().read(bytes(text), 0), hasCode('HEADERS_TOO_LARGE'));
    assert.throws(() => new HeadReader().read(bytes(`${text}\r\n`), 0), hasCode('HEADERS_TOO_LARGE'));
  });

  it('refuses a request line that is too long before it ends', () => {
    assert.throws(() => new HeadReader().read(bytes(`GET /${'a'.repeat(17_000)}`), 0), hasCode('URI_TOO_LONG'));
  });
});
