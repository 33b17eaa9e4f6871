import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Http1Input } from '../../../src/protocol/http/http1-head-reader.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

describe('Http1Input', () => {
  it('reads heads that come cut anywhere, one after another, and keeps what follows them', () => {
    const stream = `${get}${get.replace('GET', 'PUT')}rest`;
    for (let cut = 1; cut < stream.length; cut += 1) {
      const input = new Http1Input();
      const methods: string[] = [];
      for (const part of [stream.slice(0, cut), stream.slice(cut)]) {
        const chunk = bytes(part);
        input.add(chunk, 0);
        while (methods.length < 2 && !input.isEmpty) methods.push(...[input.readHead()?.method ?? []].flat());
        input.keep(chunk);
        chunk.fill(0);
      }
      assert.deepEqual(methods, ['GET', 'PUT'], `cut at ${cut}`);
      assert.equal(input.peek().toString(), 'rest');
    }
  });

  it('adds to what waits, from where the chunk says', () => {
    const input = new Http1Input();
    input.add(bytes('xab'), 1);
    input.take(1);
    input.add(bytes('xxcd'), 2);
    assert.equal(input.peek().toString(), 'bcd');
  });

  it('has room for 64 KiB that nobody takes', () => {
    const input = new Http1Input();
    input.add(Buffer.alloc(65_536), 0);
    assert.ok(input.hasRoom);
    input.add(bytes('a'), 0);
    assert.ok(!input.hasRoom);
    input.take(1);
    assert.ok(input.hasRoom);
  });

  it('is empty once all was taken or dropped', () => {
    const input = new Http1Input();
    input.add(bytes('ab'), 0);
    input.take(2);
    assert.ok(input.isEmpty);
    input.take(5);
    input.add(bytes('cd'), 0);
    assert.equal(input.peek().toString(), 'cd');
    input.drop();
    assert.deepEqual([input.isEmpty, input.peek().length, input.readHead()], [true, 0, null]);
  });
});
