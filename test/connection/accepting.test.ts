// Connections that are left in the system's backlog, and taken from it later.

import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Accepting } from '../../src/connection/accepting.ts';
import { listenOn } from '../../src/connection/listen.ts';
import { temporaryFolder } from '../support/folder.ts';
import { until } from '../support/until.ts';

describe('a listening socket that is paused', () => {
  for (const kind of ['tcp', 'tcp of several threads', 'unix'] as const) {
    it(`leaves connections in the backlog (${kind}), as often as it is asked to, and loses none`, async (t) => {
      const path = join(temporaryFolder(t), 's');
      const server = createServer();
      const accepting = new Accepting(server);
      let accepted = 0;
      let places = 3;
      server.on('connection', (socket) => {
        accepted += 1;
        places -= 1;
        if (places === 0) accepting.pause();
        socket.end(String(accepted));
      });
      const where =
        kind === 'unix' ? ({ kind, path } as const) : ({ kind: 'tcp', host: '127.0.0.1', port: 0 } as const);
      const address = await listenOn(server, where, { reusePort: kind === 'tcp of several threads' });
      t.after(() => void server.close());
      const ends = { answered: 0, lost: 0 };
      const open = (): void => {
        const client = address.kind === 'unix' ? connect(address.path) : connect(address.port, address.host);
        client.on('data', () => (ends.answered += 1)).on('error', () => (ends.lost += 1));
      };
      for (let round = 1; round <= 3; round += 1) {
        for (let count = 0; count < 10; count += 1) open();
        for (const more of [0, 2, 5]) {
          places = places === 0 && more > 0 ? more : places;
          if (more > 0) accepting.resume();
          const expected = accepted + places;
          await until(() => ends.answered === expected);
          // Whoever came beyond would have been accepted by now: turns of the loop have passed.
          for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
          assert.deepEqual([accepted, ends.lost], [expected, 0]);
        }
        assert.equal(accepted, round * 10);
        places = 3;
        accepting.resume();
      }
    });
  }
});
