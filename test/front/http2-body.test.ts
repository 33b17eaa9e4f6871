// The body of an HTTP/2 request: what is held of it, and when its client may send more.

import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PosternError } from '../../src/errors.ts';
import { Http2Body } from '../../src/front/http2-body.ts';

/** A body, and how much of it its client was told to be read. */
function bench() {
  const told = { credit: 0, begun: 0 };
  const body = new Http2Body({
    bodyBegun: () => {
      told.begun += 1;
    },
    credit: (bytes) => {
      told.credit += bytes;
    },
  });
  return { body, told };
}

/** The next turn of the loop, in which streams do what they have put off. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the body of an HTTP/2 request', () => {
  it('is told to be read only when it is', async () => {
    const { body, told } = bench();
    for (let count = 0; count < 8; count += 1) body.receive(Buffer.alloc(10_000, count));
    await turn();
    assert.deepEqual(told, { credit: 0, begun: 0 });
    body.read();
    assert.ok(told.credit >= 10_000 && told.credit <= 80_000, `${told.credit}`);
    body.resume();
    await turn();
    assert.equal(told.credit, 80_000);
    body.receive(Buffer.alloc(5));
    await turn();
    assert.equal(told.credit, 80_005);
  });

  it('comes whole and in order, however it is cut and whenever it is read', async () => {
    for (const size of [1, 7, 1_000, 4_096, 30_000]) {
      const { body, told } = bench();
      const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 251));
      const some: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) {
        body.receive(bytes.subarray(at, at + size));
        if (at % 7_919 < size) await turn();
        const read: Buffer | null = at % 40_009 < size ? body.read(10) : null;
        if (read !== null) some.push(read);
      }
      body.finish();
      const rest = await buffer(body);
      assert.ok(Buffer.concat([...some, rest]).equals(bytes), `in pieces of ${size}`);
      assert.equal(told.credit, bytes.length, `in pieces of ${size}`);
    }
  });

  it('goes on to a reader that waits in its events, and in a pause', async () => {
    const { body } = bench();
    let read = '';
    body.on('readable', () => {
      for (let bytes = body.read(); bytes !== null; bytes = body.read()) read += bytes.toString();
    });
    for (const letter of 'abcdef') {
      body.receive(Buffer.from(letter));
      if (letter === 'c') await turn();
    }
    await turn();
    assert.equal(read, 'abcdef');
    const other = bench();
    let taken = '';
    other.body.on('data', (bytes: Buffer) => {
      taken += bytes.toString();
    });
    await turn();
    other.body.receive(Buffer.from('a'));
    other.body.pause();
    for (const letter of 'bcd') other.body.receive(Buffer.from(letter));
    await turn();
    assert.equal(taken, 'a');
    other.body.resume();
    await turn();
    assert.equal(taken, 'abcd');
    assert.equal(other.told.credit, 4);
  });

  it('is lent with what was held of it', () => {
    const { body, told } = bench();
    for (const letter of 'abc') body.receive(Buffer.from(letter));
    let lent = '';
    let hasRoom = true;
    body.lendTo((bytes) => {
      lent += Buffer.from(bytes).toString();
      return hasRoom;
    });
    assert.deepEqual([lent, told.credit], ['abc', 3]);
    hasRoom = false;
    body.receive(Buffer.from('d'));
    assert.deepEqual([lent, told.credit], ['abcd', 3]);
    hasRoom = true;
    body.lendMore();
    assert.equal(told.credit, 4);
  });

  it('is told to be read, of what was held, when whoever is lent it has room', () => {
    const { body, told } = bench();
    body.receive(Buffer.alloc(10_000));
    body.lendTo(() => false);
    assert.equal(told.credit, 0);
    body.lendMore();
    assert.equal(told.credit, 10_000);
  });

  it('wakes a reader that wants more at a time than is held', async () => {
    const { body } = bench();
    const read: number[] = [];
    body.on('readable', () => {
      const bytes = body.read(1_000);
      if (bytes !== null) read.push(bytes.length);
    });
    for (let count = 0; count < 15; count += 1) {
      body.receive(Buffer.alloc(100));
      await turn();
    }
    assert.deepEqual(read, [1_000]);
  });

  it('is all given back when it is given up', () => {
    const { body, told } = bench();
    for (const letter of 'abc') body.receive(Buffer.from(letter));
    body.cut(new PosternError('BODY_INCOMPLETE', 'the client ended its request within the body'));
    assert.equal(told.credit, 3);
    for (const letter of 'defgh') body.receive(Buffer.from(letter));
    assert.equal(told.credit, 8);
  });

  it('holds little more than its bytes, where each came alone and nobody reads', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const used = (): number => {
      gc();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const bytes = 200_000;
    const one = Buffer.from('a');
    const before = used();
    const { body } = bench();
    for (let count = 0; count < bytes; count += 1) {
      body.receive(one);
      if (count % 50_000 === 0) await turn();
    }
    const held = used() - before;
    assert.ok(held < 4 * bytes, `${held} bytes are held for ${bytes}`);
    body.destroy();
  });
});
