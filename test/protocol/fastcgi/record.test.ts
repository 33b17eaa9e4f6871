import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  decodeBegin,
  decodeEnd,
  decodeUnknownType,
  decodeValueNames,
  decodeValues,
  refusalOf,
} from '../../../src/protocol/fastcgi/record.ts';
import { encodeNameValues } from '../../../src/protocol/fastcgi/record-writer.ts';

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
