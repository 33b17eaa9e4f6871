import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PosternError } from '../../../src/errors.ts';
import {
  decodeBegin,
  decodeEnd,
  decodeUnknownType,
  decodeValueNames,
  decodeValues,
  RecordReader,
  refusalOf,
} from '../../../src/protocol/fastcgi/record.ts';
import { encodeNameValues } from '../../../src/protocol/fastcgi/record-writer.ts';

/** What a reader makes of bytes in hex that come in pieces of so many bytes: "type id content", "type id end", "type id [body]". */
function read(hex: string, pieceBytes = Number.POSITIVE_INFINITY): string[] {
  const calls: string[] = [];
  let open = '';
  const reader = new RecordReader({
    content(type, id, chunk) {
      const key = `${type} ${id} `;
      // Pieces of one record are one call here, so that it does not matter how they were cut.
      if (open === key) calls[calls.length - 1] += chunk.toString('hex');
      else calls.push(key + chunk.toString('hex'));
      open = key;
    },
    closed(type, id) {
      open = '';
      calls.push(`${type} ${id} end`);
    },
    control(type, id, body) {
      open = '';
      calls.push(`${type} ${id} [${body.toString('hex')}]`);
    },
  });
  const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes));
  if (!reader.isBetweenRecords) calls.push('incomplete');
  return calls;
}

const records: [title: string, hex: string, calls: string[]][] = [
  ['BEGIN_REQUEST', '01 01 0001 0008 00 00  0001 01 0000000000', ['1 1 [0001010000000000]']],
  ['ABORT_REQUEST', '01 02 0001 0000 00 00', ['2 1 []']],
  ['END_REQUEST', '01 03 0001 0008 00 00  00000003 00 000000', ['3 1 [0000000300000000]']],
  ['PARAMS and its end', '01 04 0001 0003 05 00 616263 0000000000  01 04 0001 0000 00 00', ['4 1 616263', '4 1 end']],
  ['STDIN of a large id', '01 05 ffff 0001 00 00 61', ['5 65535 61']],
  ['STDOUT in two records', '01 06 0001 0001 00 00 61 01 06 0001 0001 00 00 62', ['6 1 6162']],
  ['STDERR between STDOUT', '01 06 0001 0001 00 00 61 01 07 0001 0001 00 00 62', ['6 1 61', '7 1 62']],
  ['two requests by turns', '01 06 0001 0001 00 00 61 01 06 0002 0001 00 00 62', ['6 1 61', '6 2 62']],
  ['DATA', '01 08 0001 0001 00 00 61', ['8 1 61']],
  ['GET_VALUES', '01 09 0000 0002 06 00 0000 000000000000', ['9 0 [0000]']],
  ['GET_VALUES without names', '01 09 0000 0000 00 00', ['9 0 []']],
  ['UNKNOWN_TYPE', '01 0b 0000 0008 00 00 6300000000000000', ['11 0 [6300000000000000]']],
  ['padding behind no content', '01 06 0001 0000 03 00 000000 01 02 0001 0000 00 00', ['6 1 end', '2 1 []']],
  ['padding on a control record', '01 02 0001 0000 08 00 0000000000000000 01 02 0002 0000 00 00', ['2 1 []', '2 2 []']],
  ['padding that is not zeros', '01 06 0001 0001 02 00 61 0106 01 06 0001 0000 00 00', ['6 1 61', '6 1 end']],
  [
    'a type that nobody knows, with content',
    '01 63 0000 0002 01 00 6161 00 01 02 0001 0000 00 00',
    ['99 0 []', '2 1 []'],
  ],
  ['a type that nobody knows, of a request', '01 0c 0001 0000 00 00', ['12 1 []']],
  ['type 0', '01 00 0000 0000 00 00', ['0 0 []']],
  ['a reserved byte that is set', '01 06 0001 0001 00 ff 61', ['6 1 61']],
  ['half a header', '01 06 0001', ['incomplete']],
  ['half a record', '01 06 0001 0002 00 00 61', ['6 1 61', 'incomplete']],
  ['half a padding', '01 06 0001 0001 02 00 61 00', ['6 1 61', 'incomplete']],
];

const refused: [title: string, hex: string][] = [
  ['version 0', '00 06 0001 0000 00 00'],
  ['version 2', '02 06 0001 0000 00 00'],
  ['an application record with id 0', '01 06 0000 0001 00 00'],
  ['BEGIN_REQUEST with id 0', '01 01 0000 0008 00 00'],
  ['a management record with another id', '01 09 0001 0000 00 00'],
  ['a BEGIN_REQUEST that is too short', '01 01 0001 0007 00 00'],
  ['a BEGIN_REQUEST that is too long', '01 01 0001 0009 00 00'],
  ['an END_REQUEST without a body', '01 03 0001 0000 00 00'],
  ['an ABORT_REQUEST with a body', '01 02 0001 0001 00 00'],
  ['an UNKNOWN_TYPE of one byte', '01 0b 0000 0001 00 00'],
  ['GET_VALUES above its limit', '01 09 0000 2001 00 00'],
];

describe('the record reader', () => {
  for (const [title, hex, calls] of records) {
    it(`reads ${title}`, () => {
      assert.deepEqual(read(hex), calls);
    });
    it(`reads ${title} in pieces of 1, 2, 3, 5 and 7 bytes`, () => {
      for (const bytes of [1, 2, 3, 5, 7]) assert.deepEqual(read(hex, bytes), calls);
    });
  }

  for (const [title, hex] of refused) {
    it(`refuses ${title} at its header`, () => {
      for (const bytes of [8, 1]) {
        assert.throws(
          () => read(hex, bytes),
          (error) => error instanceof PosternError && error.code === 'PROTOCOL_ERROR',
        );
      }
    });
  }

  it('lends the bytes it was given instead of copying them', () => {
    const chunk = Buffer.from('0106000100030000616263', 'hex');
    let lent: Buffer | null = null;
    const reader = new RecordReader({
      content: (_type, _id, content) => {
        lent = content;
      },
      closed: () => {},
      control: () => {},
    });
    reader.push(chunk);
    assert.equal(lent!.buffer, chunk.buffer);
  });

  it('ignores the rest of a chunk after stop()', () => {
    const types: number[] = [];
    const reader = new RecordReader({
      content: () => {},
      closed: (type) => {
        types.push(type);
        reader.stop();
      },
      control: () => {},
    });
    reader.push(Buffer.from('01060001000000000107000100000000', 'hex'));
    assert.deepEqual(types, [6]);
  });
});

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

describe('the bodies of control records', () => {
  it('BEGIN_REQUEST: role and flag', () => {
    assert.deepEqual(decodeBegin(bytes('0001000000000000')), { role: 'responder', keepConnection: false });
    assert.deepEqual(decodeBegin(bytes('0002010000000000')), { role: 'authorizer', keepConnection: true });
    assert.deepEqual(decodeBegin(bytes('0003ff0000000000')), { role: 'filter', keepConnection: true });
    assert.deepEqual(decodeBegin(bytes('0103000000000000')), { role: undefined, keepConnection: false });
  });

  it('END_REQUEST: appStatus of 32 bits without a sign, and protocolStatus', () => {
    assert.deepEqual(decodeEnd(bytes('0000000000000000')), { appStatus: 0, protocolStatus: 0 });
    assert.deepEqual(decodeEnd(bytes('ffffffff02000000')), { appStatus: 4_294_967_295, protocolStatus: 2 });
  });

  it('UNKNOWN_TYPE: the type', () => {
    assert.equal(decodeUnknownType(bytes('6300000000000000')), 99);
  });

  it('GET_VALUES: the names', () => {
    assert.deepEqual(decodeValueNames(encodeNameValues({ FCGI_MAX_CONNS: '', X: '' })), ['FCGI_MAX_CONNS', 'X']);
  });

  it('GET_VALUES_RESULT: numbers and a yes or no; what is no number was not said', () => {
    const values = { FCGI_MAX_CONNS: '10', FCGI_MAX_REQS: '-1', FCGI_MPXS_CONNS: '0' };
    assert.deepEqual(decodeValues(encodeNameValues(values)), {
      maxConnections: 10,
      maxRequests: undefined,
      multiplexes: false,
    });
    assert.equal(decodeValues(encodeNameValues({ FCGI_MPXS_CONNS: '1' })).multiplexes, true);
    assert.equal(decodeValues(Buffer.alloc(0)).multiplexes, undefined);
  });

  it('protocolStatus: each refusal has a code', () => {
    assert.deepEqual(
      [0, 1, 2, 3, 4].map((status) => refusalOf(status)?.code),
      [undefined, 'CANT_MULTIPLEX', 'OVERLOADED', 'UNKNOWN_ROLE', 'PROTOCOL_ERROR'],
    );
  });
});
