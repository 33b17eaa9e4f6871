// How many connections descriptors are left for, and who waits where there are too few.

import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { AcceptRoom, leftForClients } from '../../src/front/accept-room.ts';
import { ClientLimits } from '../../src/front/client-limits.ts';
import { openH2cDoor } from '../../src/front/doors.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { answerText, collectRequests, startFront } from '../support/http1-front.ts';
import { RawClient } from '../support/raw-client.ts';
import { until } from '../support/until.ts';

const limits = { maxConnections: 0, maxConnectionsPerClient: 0, minBodyRate: 0, maxWaiting: 0 };

describe('leftForClients()', () => {
  for (const [free, open, left] of [
    [12, 0, 6],
    [6, 6, 0],
    [5, 6, -1],
    [10_000, 0, 9_488],
    [512, 9_488, 0],
    [0, 0, 0],
  ] as const) {
    it(`${free} are free and clients have ${open}: ${left} more`, () => assert.equal(leftForClients(free, open), left));
  }
});

describe('the room for connections', () => {
  it('a limit that comes down while it serves: who comes beyond waits, and enters when others have gone', async (t) => {
    const clock = new FakeClock();
    const system = { limit: 1_000, used: 100 };
    const clients = new ClientLimits(limits);
    const seen: number[] = [];
    const room = new AcceptRoom({
      descriptors: { limit: () => system.limit, free: (limit) => limit - system.used - clients.counts.open },
      clients,
      onLimit: (limit) => void seen.push(limit),
      clock,
    });
    const { handler, asked } = collectRequests();
    const { port } = await startFront(t, { handler, clients, room });
    const ask = async (): Promise<RawClient> => {
      const client = await RawClient.connect(t, port);
      client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
      return client;
    };
    const all: RawClient[] = [await ask()];
    await until(() => asked.length === 1);
    // Three more than what is open: two of four for clients.
    system.limit = 104;
    clock.advance(1_000);
    for (let count = 0; count < 4; count += 1) all.push(await ask());
    await until(() => clients.isShort);
    assert.deepEqual([asked.length, clients.counts.open, seen], [2, 2, [1_000, 104]]);
    for (let answered = 0; answered < 5; answered += 1) {
      await until(() => asked.length > answered);
      answerText(asked[answered]!.answer, 'here');
      assert.ok(clients.counts.open <= 2, 'never more than there is room for');
      await until(() => all.filter(({ received }) => received.includes('here')).length === answered + 1);
      // Its place is wanted: it is told to leave, and does.
      for (const client of all) if (client.received.includes('Connection: close')) client.socket.end();
    }
    assert.deepEqual(
      all.map(({ end }) => end).filter((end) => end !== 'open' && end !== 'ended'),
      [],
    );
    // Nobody waits any more: who comes may stay.
    system.limit = 1_000;
    clock.advance(1_000);
    const last = await ask();
    await until(() => asked.length === 6);
    answerText(asked[5]!.answer, 'stay');
    await last.untilHas('stay');
    assert.ok(!last.received.includes('Connection: close'));
  });

  for (const h2c of [false, true]) {
    it(`as many wait for maxConnections as may: who comes beyond waits in the backlog, and is not closed${h2c ? ' (h2c)' : ''}`, async (t) => {
      const clients = new ClientLimits({ ...limits, maxConnections: 1, maxWaiting: 1 });
      const descriptors = { limit: () => 10_000, free: () => 9_000 };
      const room = new AcceptRoom({ descriptors, clients, onLimit: () => {} });
      const { handler, asked } = collectRequests();
      const { port } = await startFront(t, { handler, clients, room, h2c: h2c ? openH2cDoor : null });
      const all: RawClient[] = [];
      for (let count = 0; count < 4; count += 1) {
        all.push(await RawClient.connect(t, port));
        all[count]!.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
        if (count === 0) await until(() => asked.length === 1);
        if (count === 1) await until(() => clients.isShort);
      }
      assert.deepEqual([clients.counts.open, clients.waiting.size], [2, 1]);
      for (let answered = 0; answered < 4; answered += 1) {
        await until(() => asked.length > answered);
        answerText(asked[answered]!.answer, 'here');
        await until(() => all.filter(({ received }) => received.includes('here')).length === answered + 1);
        for (const client of all) if (client.received.includes('here')) client.socket.end();
      }
    });
  }

  it('none is left: it looks again by itself, and one that asks for nothing leaves', () => {
    const clock = new FakeClock();
    const system = { free: 4 };
    const clients = new ClientLimits(limits);
    const room = new AcceptRoom({
      descriptors: { limit: () => 100, free: () => system.free },
      clients,
      onLimit: () => {},
      clock,
    });
    const server = createServer();
    let idle = 2;
    let left = 0;
    const socket = { once: () => {} } as unknown as Socket;
    room.add(server, {
      leaveIdle: () => {
        left += 1;
        return left <= idle;
      },
    });
    server.emit('listening');
    room.took(socket);
    system.free = 0;
    clock.advance(1_000);
    room.took(socket);
    assert.equal(clients.isShort, true);
    clock.advance(250);
    assert.equal(left, 3);
    idle = 0;
    system.free = 50;
    clock.advance(250);
    assert.equal(clients.isShort, false);
    left = 0;
    clock.advance(10_000);
    assert.equal(left, 0, 'nobody leaves while there is room');
    server.emit('close');
  });
});
