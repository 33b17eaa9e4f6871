import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RequestHead } from '../../../src/protocol/http/http1-head.ts';
import { HeadReader, KnownFields } from '../../../src/protocol/http/http1-head-reader.ts';
import fc from '../../support/seeded-fast-check.ts';

const short = 'Host: a.example\r\n\r\n';
const long = `Host: a.example\r\nCookie: ${'c'.repeat(600)}\r\nConnection: close\r\n\r\n`;

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** What a reader reads of heads, each in a chunk of its own. */
function readAll(reader: HeadReader, heads: readonly string[]): (RequestHead | null)[] {
  return heads.map((head) => {
    const read = reader.read(bytes(`${head}rest`), 0);
    assert.equal(reader.consumed, head.length, head);
    return read;
  });
}

const plain = (head: RequestHead | null): object | null => head && { ...head, made: null };

/** So often that fields are known. */
function readerThatKnows(fields: string, known = new KnownFields()): HeadReader {
  const reader = new HeadReader(known);
  const made = readAll(reader, [`GET /1 HTTP/1.1\r\n${fields}`, `GET /2 HTTP/1.1\r\n${fields}`]).map(
    (one) => one?.made,
  );
  assert.deepEqual(made, [null, null]);
  assert.notEqual(reader.read(bytes(`GET /3 HTTP/1.1\r\n${fields}`), 0)?.made, null);
  return reader;
}

describe('fields that came before', () => {
  it('are known from the third time on, by one object', () => {
    for (const fields of [short, long]) {
      const reader = readerThatKnows(fields);
      const [a, b] = readAll(reader, [`GET /a?b HTTP/1.1\r\n${fields}`, `DELETE /c HTTP/1.1\r\n${fields}`]);
      assert.equal(a?.made, b?.made);
      assert.equal(a?.headers, b?.headers);
      assert.deepEqual([a?.method, a?.target, b?.method, b?.target], ['GET', '/a?b', 'DELETE', '/c']);
      assert.equal(b?.keepsAlive, fields === short);
    }
  });

  it('are known to other connections, once those have had some of their length', () => {
    const known = new KnownFields();
    readerThatKnows(long, known);
    const reader = readerThatKnows(long, known);
    const other = readerThatKnows(long, known);
    const text = bytes(`GET / HTTP/1.1\r\n${long}`);
    assert.equal(reader.read(text, 0)?.made, other.read(text, 0)?.made);
  });

  it('are others where one byte differs, in another version, behind another kind of target, or cut', () => {
    for (const fields of [short, long]) {
      for (let at = 6; at < fields.length - 4; at += 7) {
        if (!/[a-z]/.test(fields[at]!)) continue;
        const other = `${fields.slice(0, at)}x${fields.slice(at + 1)}`;
        if (other === fields) continue;
        const head = readerThatKnows(fields).read(bytes(`GET / HTTP/1.1\r\n${other}`), 0);
        assert.equal(head?.made, null);
        assert.ok(head.headers.some((text) => text.includes('x')));
      }
      const absolute = readerThatKnows(fields).read(bytes(`GET http://b.example/ HTTP/1.1\r\n${fields}`), 0);
      assert.deepEqual([absolute?.made, absolute?.headers[1], absolute?.target], [null, 'b.example', '/']);
      assert.equal(readerThatKnows(fields).read(bytes(`GET / HTTP/1.0\r\n${fields}`), 0)?.version, '1.0');
      const cut = readerThatKnows(fields);
      assert.equal(cut.read(bytes(`GET / HTTP/1.1\r\n${fields.slice(0, -1)}`), 0), null);
      assert.equal(cut.read(bytes('\n'), 0)?.target, '/');
    }
    for (const line of ['CONNECT /', 'GET /#', ' /', 'GET  /', 'GET /\x01']) {
      assert.throws(() => readerThatKnows(short).read(bytes(`${line} HTTP/1.1\r\n${short}`), 0), line);
    }
  });

  it('are known with the line before them, if that comes again, and no other', () => {
    const reader = readerThatKnows(short);
    const lines = ['GET /a', 'GET /a', 'GET /a', 'GET /ab', 'GET /a', 'PUT /a', 'PUT /a', 'PUT /a', 'GET /a', 'GET /b'];
    const read = readAll(
      reader,
      lines.map((line) => `${line} HTTP/1.1\r\n${short}`),
    );
    assert.deepEqual(
      read.map((head) => `${head?.method} ${head?.target}`),
      lines,
    );
    for (const line of ['GET /a', 'GET /a', 'GET /a']) reader.read(bytes(`${line} HTTP/1.1\r\n${short}`), 0);
    assert.equal(reader.read(bytes(`GET /a HTTP/1.1\r\nX: y\r\n${short}`), 0)?.headers[0], 'X');
    assert.equal(readerThatKnows(short).read(bytes('GET /a HTTP/1.1\r'), 0), null);
  });

  it('change nothing of what is read', () => {
    const line = fc.constantFrom(
      'GET / HTTP/1.1',
      'POST /a?b HTTP/1.1',
      'GET http://b/c HTTP/1.1',
      'OPTIONS * HTTP/1.1',
      'GET / HTTP/1.0',
    );
    const fields = fc.constantFrom(
      short,
      long,
      `A: 1\r\n${short}`,
      `B: 1\r\n${short}`,
      `Content-Length: 3\r\n${short}`,
      `Expect: 100-continue\r\n${short}`,
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(line, fields), { minLength: 3, maxLength: 40 }), (pairs) => {
        const heads = pairs.map(([first, rest]) => `${first}\r\n${rest}`);
        const fresh = heads.map((head) => new HeadReader().read(bytes(head), 0));
        assert.deepEqual(readAll(new HeadReader(), heads).map(plain), fresh.map(plain));
      }),
    );
  });
});
