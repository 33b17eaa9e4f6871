import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CgiOutput } from '../../src/protocol/cgi/cgi-output.ts';
import { NameValueReader } from '../../src/protocol/fastcgi/name-value-reader.ts';
import { RecordReader } from '../../src/protocol/fastcgi/record.ts';
import { encodeNameValues, RecordWriter } from '../../src/protocol/fastcgi/record-writer.ts';
import fc from '../support/seeded-fast-check.ts';
import { cut, cuts, environment, output, type Written, write, written } from './generated.ts';

const runs = { numRuns: 500 };

/** The records in these pieces; the pieces of one record joined. */
function readRecords(pieces: Iterable<Buffer>): string[] {
  const records: string[] = [];
  let open = '';
  const note = (text: string): void => {
    open = '';
    records.push(text);
  };
  const reader = new RecordReader({
    content(type, id, chunk) {
      const key = `${type} ${id} `;
      if (open === key) records[records.length - 1] += chunk.toString('hex');
      else records.push(key + chunk.toString('hex'));
      open = key;
    },
    closed: (type, id) => note(`${type} ${id} end`),
    control: (type, id, body) => note(`${type} ${id} [${body.toString('hex')}]`),
  });
  for (const piece of pieces) reader.push(piece);
  assert.ok(reader.isBetweenRecords);
  return records;
}

function expectedOf(things: readonly Written[]): string[] {
  const records: string[] = [];
  let open = '';
  for (const one of things) {
    if (one.kind === 'content') {
      if (one.content.length === 0) continue;
      const key = `${one.type} ${one.id} `;
      const hex = Buffer.from(one.content).toString('hex');
      if (open === key) records[records.length - 1] += hex;
      else records.push(key + hex);
      open = key;
      continue;
    }
    open = '';
    if (one.kind === 'closed') records.push(`${one.type} ${one.id} end`);
    else if (one.kind === 'begin') records.push(`1 ${one.id} [0001010000000000]`);
    else if (one.kind === 'abort') records.push(`2 ${one.id} []`);
    else if (one.kind === 'end') records.push(`3 ${one.id} [${one.id.toString(16).padStart(8, '0')}00000000]`);
    else records.push('11 0 [6300000000000000]');
  }
  return records;
}

describe('however the bytes are cut', () => {
  it('the records are the ones that were written', () => {
    fc.assert(
      fc.property(written, cuts, (things, sizes) => {
        const writer = new RecordWriter();
        for (const one of things) write(writer, one);
        const bytes = writer.take();
        assert.equal(bytes.length % 8, 0);
        assert.deepEqual(readRecords(cut(bytes, sizes)), expectedOf(things));
      }),
      runs,
    );
  });

  it('the records are the same when each was taken by itself', () => {
    fc.assert(
      fc.property(written, (things) => {
        const writer = new RecordWriter();
        const pieces = things.map((one) => {
          write(writer, one);
          return writer.take();
        });
        assert.deepEqual(readRecords(pieces), expectedOf(things));
      }),
      runs,
    );
  });

  it('the name-value pairs are the same', () => {
    fc.assert(
      fc.property(environment, cuts, (pairs, sizes) => {
        const reader = new NameValueReader();
        for (const piece of cut(encodeNameValues(pairs), sizes)) reader.push(piece);
        assert.deepEqual(reader.end(), pairs);
      }),
      { numRuns: 200 },
    );
  });

  it('PARAMS bring the same pairs over records', () => {
    fc.assert(
      fc.property(environment, cuts, (pairs, sizes) => {
        const writer = new RecordWriter();
        writer.params(7, pairs);
        const reader = new NameValueReader();
        let isClosed = false;
        const records = new RecordReader({
          content: (_type, _id, chunk) => reader.push(chunk),
          closed: () => {
            isClosed = true;
          },
          control: () => assert.fail('there is no control record'),
        });
        for (const piece of cut(writer.take(), sizes)) records.push(piece);
        assert.ok(isClosed);
        assert.deepEqual(reader.end(), pairs);
      }),
      { numRuns: 200 },
    );
  });

  it('the output of a CGI program is the same', () => {
    fc.assert(
      fc.property(output, cuts, ({ text, fields, body }, sizes) => {
        let headers: readonly string[] = [];
        let read = '';
        const parser = new CgiOutput({
          head: (head) => {
            headers = head.headers;
          },
          write: (chunk) => {
            read += Buffer.from(chunk).toString('latin1');
            return true;
          },
        });
        for (const piece of cut(Buffer.from(text, 'latin1'), sizes)) parser.push(piece);
        parser.end();
        assert.deepEqual(headers, fields);
        assert.equal(read, body);
      }),
      runs,
    );
  });
});
