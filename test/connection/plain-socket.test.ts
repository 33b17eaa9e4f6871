// Writes by a socket's handle: what the system takes at once, what it does not, and how errors come.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { SocketWriter } from '../../src/connection/plain-socket.ts';

for (const kind of ['TCP', 'Unix'] as const) {
  describe(`SocketWriter on a ${kind} socket`, () => {
    let server: Server;
    before(async () => {
      server = createServer({ pauseOnConnect: true });
      if (kind === 'TCP') server.listen(0, '127.0.0.1');
      else server.listen(join(tmpdir(), `postern-writer-${process.pid}.sock`));
      await once(server, 'listening');
    });
    after(() => server.close());

    const dial = (): Socket => {
      const address = server.address();
      const to = typeof address === 'string' ? { path: address } : { port: address!.port, host: '127.0.0.1' };
      return connect({ ...to, allowHalfOpen: true });
    };
    const pair = async (): Promise<[Socket, Socket]> => {
      const accepted = once(server, 'connection');
      const near = dial();
      await once(near, 'connect');
      return [near, (await accepted)[0] as Socket];
    };

    it('gives what it is given to the system at once, text and bytes in their order', async () => {
      const [near, far] = await pair();
      const writer = new SocketWriter(near, () => assert.fail('nothing was to be drained'));
      assert.equal(writer.write('caf\xe9 '), true);
      assert.equal(writer.write(Buffer.from('and bytes')), true);
      assert.equal(writer.isEmpty, true);
      near.end();
      const text = (await far.toArray()).map((chunk) => (chunk as Buffer).toString('latin1')).join('');
      assert.equal(text, 'caf\xe9 and bytes');
      near.destroy();
    });

    it('keeps what was written before it was connected, and what comes after it behind that', async () => {
      const accepted = once(server, 'connection');
      const near = dial();
      const writer = new SocketWriter(near, () => {});
      writer.write('one ');
      await once(near, 'connect');
      writer.write('two ');
      near.write('three ');
      writer.write('four');
      near.end();
      const [far] = (await accepted) as [Socket];
      assert.equal(Buffer.concat(await far.toArray()).toString(), 'one two three four');
      near.destroy();
    });

    it('says that it is full, and once when the peer has read all, byte for byte', async () => {
      const [near, far] = await pair();
      let drained = 0;
      const writer = new SocketWriter(near, () => {
        drained += 1;
        near.end();
      });
      const block = Buffer.alloc(1_000_000, 'abcdefghij');
      let written = 0;
      do {
        written += block.length;
      } while (writer.write(block));
      assert.equal(writer.isFull, true);
      assert.equal(writer.isEmpty, false);
      assert.equal(writer.write('the end'), false);
      const all = Buffer.concat(await far.toArray());
      assert.equal(all.length, written + 7);
      assert.equal(all.subarray(-10).toString(), 'hijthe end');
      assert.equal(drained, 1);
      assert.equal(writer.isFull, false);
      near.destroy();
    });

    it('gives an error to the socket, and takes no more', async () => {
      const [near, far] = await pair();
      const writer = new SocketWriter(near, () => {});
      let error: NodeJS.ErrnoException | null = null;
      near.on('error', (thrown) => {
        error ??= thrown;
      });
      far.destroy();
      const deadline = Date.now() + 20_000;
      while (error === null && Date.now() < deadline) {
        writer.write('is anybody there?');
        await wait(5);
      }
      assert.match((error as NodeJS.ErrnoException | null)?.code ?? 'none', /^(?:EPIPE|ECONNRESET)$/);
      assert.equal(near.destroyed, true);
      assert.equal(writer.write('nor now?'), false);
    });

    it('calls nobody any more when the socket is destroyed with something unsent', async () => {
      const [near, far] = await pair();
      const writer = new SocketWriter(near, () => assert.fail('it was drained'));
      while (writer.write(Buffer.alloc(1_000_000)));
      near.destroy();
      await once(near, 'close');
      far.destroy();
      assert.equal(near.errored, null);
    });
  });
}
