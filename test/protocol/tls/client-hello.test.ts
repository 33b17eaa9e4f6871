import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import { readClientHello } from '../../../src/protocol/tls/client-hello.ts';
import fc from '../../support/seeded-fast-check.ts';

/** The first bytes of a real client. */
async function helloOf(t: TestContext, options: ConnectionOptions): Promise<Buffer> {
  const server = createServer();
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return new Promise((resolve) => {
    server.once('connection', (socket) => {
      const pieces: Buffer[] = [];
      socket.on('error', () => {});
      socket.on('data', (piece: Buffer) => {
        pieces.push(piece);
        if (readClientHello(Buffer.concat(pieces)) === 'more') return;
        socket.destroy();
        resolve(Buffer.concat(pieces));
      });
    });
    connect({ host: '127.0.0.1', port, ...options }).on('error', () => {});
  });
}

/** The same message in records of so many bytes. */
function inRecords(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size);
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part);
  }
  return Buffer.concat(records);
}

describe('readClientHello()', () => {
  it('finds name and protocols, however the bytes are cut', async (t) => {
    const hello = await helloOf(t, { servername: 'Example.ORG', ALPNProtocols: ['h2', 'http/1.1'] });
    const expected = { serverName: 'example.org', protocols: ['h2', 'http/1.1'] };
    for (const size of [1, 3, 100, 5_000]) {
      const bytes = inRecords(hello, size);
      assert.deepEqual(readClientHello(bytes), expected, `records of ${size}`);
      for (let cut = 0; cut < bytes.length; cut += size === 1 ? 97 : 1)
        assert.equal(readClientHello(bytes.subarray(0, cut)), 'more', `${cut} of ${bytes.length}`);
    }
  });

  it('finds nothing where nothing is said', async (t) => {
    const nothing = { serverName: null, protocols: [] };
    assert.deepEqual(readClientHello(await helloOf(t, {})), nothing);
    assert.deepEqual(readClientHello(await helloOf(t, { maxVersion: 'TLSv1.2' })), nothing);
  });

  it('takes what is no hello for one that says nothing, at once', () => {
    const nothing = { serverName: null, protocols: [] };
    for (const text of [
      'GET / HTTP/1.1\r\n',
      '\x16\x03\x01\x00\x00',
      '\x16\x03\x01\x00\x04\x02\x00\x00\x00',
      '\x16\x03\x01\x00\x04\x01\xff\xff\xff',
    ])
      assert.deepEqual(readClientHello(Buffer.from(text, 'latin1')), nothing, JSON.stringify(text));
  });

  it('reads any bytes without an error, and names no host that is none', async (t) => {
    const hello = await helloOf(t, { servername: 'example.org', ALPNProtocols: ['h2'] });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { maxLength: 8 }), (changes) => {
        const changed = Buffer.from(hello);
        for (const [at, byte] of changes) changed[at] = byte;
        const read = readClientHello(changed);
        if (read !== 'more' && read.serverName !== null) assert.match(read.serverName, /^[a-z0-9_.-]+$/);
      }),
    );
  });
});
