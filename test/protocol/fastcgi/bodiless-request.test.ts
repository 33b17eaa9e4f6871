import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bodilessRequest } from '../../../src/protocol/fastcgi/bodiless-request.ts';
import { STDIN } from '../../../src/protocol/fastcgi/record.ts';
import { RecordWriter } from '../../../src/protocol/fastcgi/record-writer.ts';

describe('bodilessRequest()', () => {
  it('gives the bytes that the record writer gathers, of any length and id', () => {
    for (const length of [1, 2, 7, 8, 9, 255, 256, 4_095, 4_096, 4_097, 64_992]) {
      for (const id of [1, 2, 128, 255]) {
        for (const isKept of [true, false, true]) {
          const pairs = '\xff\0a'.repeat(length).slice(0, length);
          const writer = new RecordWriter();
          writer.begin(id, 'responder', isKept);
          writer.params(id, pairs);
          writer.end(STDIN, id);
          assert.deepEqual(Buffer.from(bodilessRequest(id, isKept, pairs)!, 'latin1'), writer.take());
        }
      }
    }
  });

  it('leaves to the writer what is more than a record of PARAMS, or none', () => {
    assert.equal(bodilessRequest(1, true, 'x'.repeat(64_993)), null);
    assert.equal(bodilessRequest(1, true, ''), null);
  });
});
