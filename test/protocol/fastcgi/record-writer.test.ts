import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PosternError } from '../../../src/errors.ts';
import type { Environment } from '../../../src/protocol/cgi/exchange.ts';
import { NameValueReader } from '../../../src/protocol/fastcgi/name-value-reader.ts';
import { PARAMS, RecordReader, STDERR, STDIN, STDOUT } from '../../../src/protocol/fastcgi/record.ts';
import { RecordWriter } from '../../../src/protocol/fastcgi/record-writer.ts';

const written: [title: string, write: (writer: RecordWriter) => void, hex: string][] = [
  ['BEGIN_REQUEST', (w) => w.begin(1, 'responder', false), '0101000100080000 0001000000000000'],
  [
    'BEGIN_REQUEST of an authorizer, kept',
    (w) => w.begin(258, 'authorizer', true),
    '0101010200080000 0002010000000000',
  ],
  ['BEGIN_REQUEST of a filter', (w) => w.begin(1, 'filter', false), '0101000100080000 0003000000000000'],
  ['ABORT_REQUEST', (w) => w.abort(1), '0102000100000000'],
  ['END_REQUEST', (w) => w.endRequest(1, 3, 0), '0103000100080000 0000000300000000'],
  ['END_REQUEST of a negative exit status', (w) => w.endRequest(1, -1, 2), '0103000100080000 ffffffff02000000'],
  ['PARAMS', (w) => w.params(1, { A: 'b' }), '0104000100040400 0101 41 62 00000000  0104000100000000'],
  ['empty PARAMS', (w) => w.params(1, {}), '0104000100000000'],
  ['content with padding', (w) => w.content(STDIN, 1, Buffer.from('abc')), '0105000100030500 616263 0000000000'],
  [
    'content that needs no padding',
    (w) => w.content(STDIN, 1, Buffer.from('abcdefgh')),
    '0105000100080000 6162636465666768',
  ],
  ['no record for empty content', (w) => w.content(STDIN, 1, Buffer.alloc(0)), ''],
  ['the end of a stream', (w) => w.end(STDIN, 1), '0105000100000000'],
  ['text as bytes', (w) => w.text(STDOUT, 1, '\xff\0'), '0106000100020600 ff00 000000000000'],
  ['GET_VALUES', (w) => w.getValues(['AB']), '0109000000040400 0200 4142 00000000'],
  ['GET_VALUES_RESULT', (w) => w.valuesResult({ AB: '1' }), '010a000000050300 0201 414231 000000'],
  ['UNKNOWN_TYPE', (w) => w.unknownType(99), '010b000000080000 6300000000000000'],
  [
    'pieces of one stream as one record',
    (w) => {
      w.text(STDOUT, 1, 'ab');
      w.content(STDOUT, 1, Buffer.from('cd'));
      w.end(STDOUT, 1);
    },
    '0106000100040400 61626364 00000000  0106000100000000',
  ],
  [
    'another stream, or another request, as a record of its own',
    (w) => {
      w.text(STDOUT, 1, 'ab');
      w.text(STDERR, 1, 'cd');
      w.text(STDERR, 2, 'ef');
    },
    '0106000100020600 6162 000000000000  0107000100020600 6364 000000000000  0107000200020600 6566 000000000000',
  ],
];

describe('the record writer', () => {
  for (const [title, write, hex] of written) {
    it(`writes ${title}`, () => {
      const writer = new RecordWriter();
      write(writer);
      assert.equal(writer.take().toString('hex'), hex.replaceAll(' ', ''));
      assert.equal(writer.length, 0);
      assert.equal(writer.take().length, 0);
    });
  }

  it('splits content at 65,535 bytes', () => {
    for (const length of [65_534, 65_535, 65_536, 131_070, 200_000]) {
      const writer = new RecordWriter();
      const content = Buffer.alloc(length, 'x');
      writer.content(STDOUT, 1, content);
      const read = readStream(writer.take(), STDOUT);
      assert.equal(read.content.length, length);
      assert.deepEqual(read.content, content);
      assert.equal(read.lengths.length, Math.ceil(length / 65_535));
      assert.ok(Math.max(...read.lengths) <= 65_535);
    }
  });

  it('splits text as it splits bytes', () => {
    const writer = new RecordWriter();
    writer.text(STDOUT, 1, 'x');
    writer.text(STDOUT, 1, 'y'.repeat(200_000));
    const read = readStream(writer.take(), STDOUT);
    assert.equal(read.content.toString('latin1'), `x${'y'.repeat(200_000)}`);
    assert.deepEqual(read.lengths, [65_535, 65_535, 65_535, 3_396]);
  });

  it('cuts PARAMS only between pairs, each record below 65,000 bytes with its padding', () => {
    const environment: Environment = {};
    for (let index = 0; index < 300; index += 1) environment[`NAME_${index}`] = 'v'.repeat((index * 37) % 3_000);
    const writer = new RecordWriter();
    writer.params(1, environment);
    const bytes = writer.take();
    const read = readStream(bytes, PARAMS);
    assert.ok(read.lengths.length > 5);
    assert.ok(Math.max(...read.lengths) + 7 < 65_000);
    assert.equal(bytes.length % 8, 0);
    let at = 0;
    const pairs = {};
    for (const length of read.lengths) {
      const reader = new NameValueReader();
      reader.push(read.content.subarray(at, at + length));
      Object.assign(pairs, reader.end());
      at += length;
    }
    assert.deepEqual(pairs, environment);
  });

  it('writes the largest pair that fits into a record, in whatever company', () => {
    const value = 'v'.repeat(64_992 - 5 - 1);
    for (const environment of [{ N: value }, { A: 'b', N: value, C: 'd' }, { N: value, M: value }]) {
      const writer = new RecordWriter();
      writer.params(1, environment);
      const reader = new NameValueReader();
      reader.push(readStream(writer.take(), PARAMS).content);
      assert.deepEqual({ ...reader.end() }, environment);
    }
  });

  it('refuses a pair that does not fit into a record, and adds nothing', () => {
    const writer = new RecordWriter();
    writer.text(STDOUT, 1, 'ab');
    assert.throws(
      () => writer.params(1, { A: 'b', N: 'v'.repeat(64_992) }),
      (error) => error instanceof PosternError && error.code === 'PARAMS_TOO_LARGE',
    );
    assert.equal(writer.take().toString('hex'), '01060001000206006162000000000000');
  });

  it('sends no byte of our memory as padding', () => {
    for (let length = 1; length < 9; length += 1) {
      // What allocUnsafe gives after this holds 0xff.
      Buffer.allocUnsafe(4_000).fill(255);
      const writer = new RecordWriter();
      writer.content(STDOUT, 1, Buffer.alloc(length, 1));
      assert.ok(
        writer
          .take()
          .subarray(8 + length)
          .every((byte) => byte === 0),
      );
    }
  });

  it('uses memory again that was given back, with nothing left in it', () => {
    const writer = new RecordWriter();
    writer.content(STDOUT, 1, Buffer.alloc(64, 255));
    const first = writer.take();
    writer.giveBack();
    writer.endRequest(1, 0, 0);
    writer.content(STDERR, 2, Buffer.from('a'));
    const second = writer.take();
    assert.equal(second.toString('hex'), '0103000100080000000000000000000001070002000107006100000000000000');
    assert.equal(second.buffer, first.buffer);
    assert.equal(second.byteOffset, first.byteOffset);
  });

  it('does not touch what it gave out', () => {
    const writer = new RecordWriter();
    writer.abort(1);
    const first = writer.take();
    writer.abort(2);
    writer.take();
    assert.equal(first.toString('hex'), '0102000100000000');
  });
});

/** The content of one stream, and the lengths of its records but the one that closes it. */
function readStream(bytes: Buffer, wanted: number): { content: Buffer; lengths: number[] } {
  const contents: Buffer[] = [];
  const reader = new RecordReader({
    content: (type, _id, chunk) => {
      assert.equal(type, wanted);
      contents.push(chunk);
    },
    closed: () => {},
    control: () => {},
  });
  reader.push(bytes);
  assert.ok(reader.isBetweenRecords);
  return { content: Buffer.concat(contents), lengths: contents.map((content) => content.length) };
}
