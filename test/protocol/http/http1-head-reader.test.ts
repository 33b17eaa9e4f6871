import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type ErrorCode, PosternError } from '../../../src/errors.ts';
import type { RequestHead } from '../../../src/protocol/http/http1-head.ts';
import { parseRequestHead } from '../../../src/protocol/http/http1-head.ts';
import { HeadReader } from '../../../src/protocol/http/http1-head-reader.ts';
import fc from '../../support/seeded-fast-check.ts';

const head = 'GET /a?b HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\n\r\n';

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function hasCode(code: ErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof PosternError && error.code === code;
}

describe('HeadReader', () => {
  it('holds nothing of a long head when that is done', () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const used = (): number => {
      gc();
      return process.memoryUsage().heapUsed;
    };
    const readers = Array.from({ length: 200 }, () => new HeadReader());
    const before = used();
    const targets = readers.map((reader, number) => {
      const name = `${number}.a-long-name.example.org`;
      const long = `GET /a/long/target?${number} HTTP/1.1\r\nHost: ${name}\r\nCookie: ${'c'.repeat(30_000)}\r\n\r\n`;
      return reader.read(bytes(long), 0)!.target;
    });
    const held = used() - before;
    assert.ok(held < 200 * 6_000, `${held} bytes are held for ${targets.length} heads of 30 KB`);
  });

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

function parse(text: string): RequestHead {
  return parseRequestHead(Buffer.from(text, 'latin1'), text, 0, text.length - 2);
}

/** A head for 1.1 with Host and these lines. */
function withLines(...lines: string[]): string {
  return ['POST /a HTTP/1.1', 'Host: a', ...lines, '', ''].join('\r\n');
}

const accepted: readonly (readonly [title: string, text: string, expected: Partial<RequestHead>])[] = [
  ['the shortest of 1.0', 'GET / HTTP/1.0\r\n\r\n', { method: 'GET', target: '/', version: '1.0', keepsAlive: false }],
  [
    'the shortest of 1.1',
    'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    { version: '1.1', headers: ['Host', 'a'], keepsAlive: true },
  ],
  ['names as they came', withLines('X-aB: c'), { headers: ['Host', 'a', 'X-aB', 'c'] }],
  ['no white space around values', withLines('A:\t b c \t'), { headers: ['Host', 'a', 'A', 'b c'] }],
  ['an empty value', withLines('A:'), { headers: ['Host', 'a', 'A', ''] }],
  ['a method that nobody knows (rule 12)', 'FOO / HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'FOO' }],
  ['a method in lower case (rule 12)', 'get / HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'get' }],
  [
    'bytes from 0x80 up in the target (rule 12)',
    'GET /\xe9?\xff HTTP/1.1\r\nHost: a\r\n\r\n',
    { target: '/\xe9?\xff' },
  ],
  ['bytes from 0x80 up in values', withLines('A: \xe9'), { headers: ['Host', 'a', 'A', '\xe9'] }],
  ['a name that is one of Object.prototype', withLines('__proto__: b'), { headers: ['Host', 'a', '__proto__', 'b'] }],
  ['Content-Length', withLines('content-length: 12'), { contentLength: 12, isChunked: false }],
  ['Content-Length 0', withLines('Content-Length: 0'), { contentLength: 0 }],
  ['chunked', withLines('Transfer-Encoding: Chunked'), { contentLength: null, isChunked: true }],
  ['Connection: close', withLines('Connection: close'), { keepsAlive: false }],
  ['close in a list', withLines('Connection: keep-alive, X-A , Close'), { keepsAlive: false }],
  ['Connection: keep-alive on 1.0', 'GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n', { keepsAlive: true }],
  ['Expect', withLines('Expect: 100-Continue'), { expectsContinue: true }],
  [
    'Expect on 1.0, to which no 100 is sent',
    'GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n',
    { expectsContinue: false },
  ],
  ['Upgrade, and ignores it', withLines('Upgrade: websocket', 'Connection: Upgrade'), { keepsAlive: true }],
  ['OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', { target: '*' }],
  [
    'absolute form',
    'GET http://b.example:8/x?y HTTP/1.1\r\nhost: a\r\n\r\n',
    { target: '/x?y', headers: ['host', 'b.example:8'] },
  ],
  [
    'absolute form without a path',
    'GET HTTP://b?y HTTP/1.1\r\nHost: a\r\n\r\n',
    { target: '/?y', headers: ['Host', 'b'] },
  ],
  ['absolute form on 1.0, without Host', 'GET http://b HTTP/1.0\r\n\r\n', { target: '/', headers: ['Host', 'b'] }],
  ['OPTIONS in absolute form', 'OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n', { target: '*', headers: ['Host', 'b'] }],
  ['targets as browsers send them', 'GET /{a}|b^`"<> HTTP/1.1\r\nHost: a\r\n\r\n', { target: '/{a}|b^`"<>' }],
  ['two slashes at the beginning as a path', 'GET //evil/x HTTP/1.1\r\nHost: a\r\n\r\n', { target: '//evil/x' }],
];

const refused: readonly (readonly [code: ErrorCode, title: string, text: string])[] = [
  [
    'BAD_REQUEST',
    'Content-Length beside Transfer-Encoding',
    withLines('Content-Length: 1', 'Transfer-Encoding: chunked'),
  ],
  ['BAD_REQUEST', 'two different Content-Lengths', withLines('Content-Length: 1', 'Content-Length: 2')],
  ['BAD_REQUEST', 'two equal Content-Lengths', withLines('Content-Length: 1', 'content-length: 1')],
  ['BAD_REQUEST', 'a list as Content-Length', withLines('Content-Length: 1, 1')],
  ['BAD_REQUEST', 'a negative Content-Length', withLines('Content-Length: -1')],
  ['BAD_REQUEST', 'a Content-Length with a plus', withLines('Content-Length: +1')],
  ['BAD_REQUEST', 'an empty Content-Length', withLines('Content-Length:')],
  ['BAD_REQUEST', 'a hexadecimal Content-Length', withLines('Content-Length: 0x1')],
  ['BAD_REQUEST', 'a Content-Length above 2^53', withLines('Content-Length: 9999999999999999')],
  ['BAD_REQUEST', 'a Content-Length of 400 digits', withLines(`Content-Length: ${'1'.repeat(400)}`)],
  ['CODING_UNKNOWN', 'gzip, chunked', withLines('Transfer-Encoding: gzip, chunked')],
  ['BAD_REQUEST', 'chunked, gzip', withLines('Transfer-Encoding: chunked, gzip')],
  ['BAD_REQUEST', 'identity', withLines('Transfer-Encoding: identity')],
  ['BAD_REQUEST', 'chunked twice', withLines('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')],
  ['BAD_REQUEST', 'an empty Transfer-Encoding', withLines('Transfer-Encoding:')],
  ['BAD_REQUEST', 'an empty one, then chunked', withLines('Transfer-Encoding:', 'Transfer-Encoding: chunked')],
  ['BAD_REQUEST', 'chunked, then an empty one', withLines('Transfer-Encoding: chunked', 'Transfer-Encoding:')],
  ['BAD_REQUEST', 'an empty element before chunked', withLines('Transfer-Encoding: , chunked')],
  ['BAD_REQUEST', 'an empty element after chunked', withLines('Transfer-Encoding: chunked,')],
  [
    'BAD_REQUEST',
    'gzip in one field and nothing in the next',
    withLines('Transfer-Encoding: gzip', 'Transfer-Encoding:'),
  ],
  ['BAD_REQUEST', 'chunked with a tab after it', withLines('Transfer-Encoding: chunked\t')],
  ['BAD_REQUEST', 'chunked with a tab before it', withLines('Transfer-Encoding:\tchunked')],
  ['BAD_REQUEST', 'chunked with a vertical tab', withLines('Transfer-Encoding: \x0bchunked')],
  ['BAD_REQUEST', 'chunked on 1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['BAD_REQUEST', 'a bare LF between headers', 'GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n'],
  ['BAD_REQUEST', 'a bare CR in a value', withLines('A: b\rc')],
  ['BAD_REQUEST', 'a bare LF after the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n'],
  ['BAD_REQUEST', 'a folded line', withLines('A: b', ' c')],
  ['BAD_REQUEST', 'a folded first line', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n'],
  ['BAD_REQUEST', 'NUL in a value', withLines('A: b\0')],
  ['BAD_REQUEST', 'DEL in a value', withLines('A: b\x7f')],
  ['BAD_REQUEST', 'a control byte in a name', withLines('A\x01: b')],
  ['BAD_REQUEST', 'a space before the colon', withLines('A : b')],
  ['BAD_REQUEST', 'a line without a colon', withLines('A')],
  ['BAD_REQUEST', 'a line without a name', withLines(': b')],
  ['BAD_REQUEST', 'a name that is no token', withLines('A(: b')],
  ['BAD_REQUEST', 'a byte from 0x80 up in a name', withLines('\xe9: b')],
  ['BAD_REQUEST', 'no Host on 1.1', 'GET / HTTP/1.1\r\n\r\n'],
  ['BAD_REQUEST', 'two Hosts', withLines('host: a')],
  ['BAD_REQUEST', 'an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
  ['BAD_REQUEST', 'a Host that is a URL', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'],
  ['BAD_REQUEST', 'a Host with a user', 'GET / HTTP/1.1\r\nHost: b@a\r\n\r\n'],
  ['BAD_REQUEST', 'a Host that is a list', 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n'],
  ['BAD_REQUEST', 'an invalid Host on 1.0', 'GET / HTTP/1.0\r\nHost: a b\r\n\r\n'],
  ['BAD_REQUEST', 'a method that is no token', 'G(T / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['BAD_REQUEST', 'no method', ' / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['BAD_REQUEST', 'no target', 'GET  HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['BAD_REQUEST', 'a target that is no path', 'GET a HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['BAD_REQUEST', '* for GET', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['BAD_REQUEST', 'a target with NUL', 'GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['BAD_REQUEST', 'a target with a tab', 'GET /\t HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['BAD_REQUEST', 'a target with a fragment', 'GET /#a HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['BAD_REQUEST', 'a target with a space', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['BAD_REQUEST', 'absolute form of another scheme', 'GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['BAD_REQUEST', 'absolute form with a user', 'GET http://b@a/ HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['BAD_REQUEST', 'absolute form without a host', 'GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['BAD_REQUEST', 'HTTP/0.9', 'GET /\r\n\r\n'],
  ['BAD_REQUEST', 'two spaces before the version', 'GET /  HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['BAD_REQUEST', 'a space after the version', 'GET / HTTP/1.1 \r\nHost: a\r\n\r\n'],
  ['BAD_REQUEST', 'a version in lower case', 'GET / http/1.1\r\nHost: a\r\n\r\n'],
  ['BAD_REQUEST', 'another protocol', 'GET / RTSP/1.0\r\nHost: a\r\n\r\n'],
  ['VERSION_UNSUPPORTED', 'HTTP/1.2', 'GET / HTTP/1.2\r\nHost: a\r\n\r\n'],
  ['VERSION_UNSUPPORTED', 'the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\n'],
  ['METHOD_UNKNOWN', 'CONNECT', 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['EXPECTATION_FAILED', 'another expectation', withLines('Expect: 200-ok')],
  ['HEADERS_TOO_LARGE', '201 fields', withLines(...Array.from({ length: 200 }, (_, n) => `A${n}: b`))],
  ['URI_TOO_LONG', 'a target of 16 KiB and a byte', `GET /${'a'.repeat(16_384)} HTTP/1.1\r\nHost: a\r\n\r\n`],
];

describe('parseRequestHead()', () => {
  for (const [title, text, expected] of accepted) {
    it(`reads ${title}`, () => {
      const head = parse(text);
      for (const [key, value] of Object.entries(expected)) assert.deepEqual(head[key as keyof RequestHead], value, key);
    });
  }

  for (const [code, title, text] of refused) {
    it(`refuses ${title}`, () => {
      assert.throws(
        () => parse(text),
        (error) => error instanceof PosternError && error.code === code,
      );
    });
  }

  it('reads 200 fields', () => {
    const lines = Array.from({ length: 199 }, (_, n) => `A${n}: b`);
    assert.equal(parse(withLines(...lines)).headers.length, 400);
  });
});
