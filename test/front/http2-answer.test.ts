// Answers by HTTP/2 as they stand on the wire.

import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { describe, it, type TestContext } from 'node:test';
import { PosternError } from '../../src/errors.ts';
import type { HttpAnswer, HttpHandler } from '../../src/gateway/message.ts';
import { startHttp2 } from '../conformance/http2-cases.ts';
import { codes, flags, headers, request, settingIds, settings, types, windowUpdate } from '../support/http2-frames.ts';
import { Http2Peer } from '../support/http2-peer.ts';
import { listening } from '../support/recording-answer.ts';

const lasting = Buffer.alloc(1_000_000, 'lasting');

async function ask(t: TestContext, respond: (answer: HttpAnswer) => void, sent: Buffer = headers(1, request())) {
  const handler: HttpHandler = (_asked, answer) => respond(answer);
  const { port } = await startHttp2(t, { handler });
  const peer = await Http2Peer.open(t, port, settings([[settingIds.INITIAL_WINDOW_SIZE, 2_000_000]]));
  peer.send(sent);
  return { peer, port };
}

describe('an answer by HTTP/2', () => {
  it('of bytes that last comes whole, though its end was told before the client took it', async (t) => {
    const { peer } = await ask(t, (answer) => {
      answer.head(200, ['Content-Length', String(lasting.length)]);
      answer.writeLasting!(lasting);
      answer.end();
    });
    await peer.until(() => peer.body().length === 65_535);
    assert.ok(await peer.isAlive());
    assert.ok(!peer.isWhole(1));
    peer.send(windowUpdate(0, 1_000_000));
    await peer.until(() => peer.isWhole(1));
    assert.ok(peer.body().equals(lasting));
  });

  it('of bytes that last is not cut by a body that nobody read', async (t) => {
    const respond = (answer: HttpAnswer): void => {
      answer.head(200, []);
      answer.writeLasting!(lasting);
      answer.end();
    };
    const { peer } = await ask(t, respond, headers(1, request('POST'), flags.END_HEADERS));
    peer.send(windowUpdate(0, 1_000_000));
    await peer.until(() => peer.find(types.RST_STREAM, 1) !== undefined);
    assert.equal(peer.find(types.RST_STREAM, 1)!.payload.readUInt32BE(0), codes.NO_ERROR);
    assert.ok(peer.isWhole(1));
    assert.ok(peer.body().equals(lasting));
  });

  it('that goes on after bytes that last keeps its order', async (t) => {
    const { peer } = await ask(t, (answer) => {
      answer.head(200, []);
      answer.write(Buffer.from('before'));
      answer.writeLasting!(lasting);
      answer.write(Buffer.from('after'));
      answer.end();
    });
    peer.send(windowUpdate(0, 1_100_000));
    await peer.until(() => peer.isWhole(1));
    assert.ok(peer.body().equals(Buffer.concat([Buffer.from('before'), lasting, Buffer.from('after')])));
  });

  it('tells its handler when there is room again', async (t) => {
    let drained = 0;
    const { peer } = await ask(t, (answer) => {
      answer.listener = listening({ drained: () => (drained += 1) });
      answer.head(200, []);
      assert.equal(answer.writeLasting!(lasting), false);
    });
    assert.equal(drained, 0);
    peer.send(windowUpdate(0, 1_000_000));
    await peer.until(() => peer.body().length === lasting.length);
    while (drained === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(drained, 1);
  });

  it('that is aborted is reset, and has no end, whatever was passed on', async (t) => {
    for (const passes of [false, true]) {
      const { peer } = await ask(t, (answer) => {
        answer.head(200, []);
        answer.write(Buffer.from('part'));
        if (passes) answer.flush();
        answer.abort(new PosternError('CONNECTION_LOST', 'gone'));
      });
      await peer.until(() => peer.find(types.RST_STREAM, 1) !== undefined);
      assert.ok(!peer.isWhole(1));
      assert.equal(peer.find(types.RST_STREAM, 1)!.payload.readUInt32BE(0), codes.INTERNAL_ERROR);
      assert.ok(await peer.isAlive());
    }
  });

  it('is sent without what is HTTP/1.1 alone', async (t) => {
    const fields = ['Connection', 'close', 'Keep-Alive', 'timeout=5', 'Transfer-Encoding', 'chunked', 'X-Kept', '1'];
    const { port } = await ask(t, (answer) => {
      answer.head(700, [...fields, 'ETag', '"a"', 'ETag', '"b"', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']);
      answer.end();
    });
    const session = connect(`http://127.0.0.1:${port}`);
    t.after(() => session.destroy());
    const stream = session.request({ ':path': '/' });
    const got = await new Promise<Record<string, unknown>>((resolve) => stream.on('response', resolve));
    assert.equal(got[':status'], 500);
    assert.equal(got['x-kept'], '1');
    assert.deepEqual(got['set-cookie'], ['a=1', 'b=2']);
    for (const name of ['connection', 'keep-alive', 'transfer-encoding']) assert.equal(got[name], undefined);
  });
});
