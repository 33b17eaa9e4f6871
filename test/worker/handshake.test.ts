// When a program that was just started is taken for ready.

import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { shakeHands } from '../../src/worker/handshake.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryFolder } from '../support/folder.ts';
import { until } from '../support/until.ts';

/** A program that was connected to, and how often it was taken for ready. */
async function shake(t: TestContext, answers: boolean) {
  const path = join(temporaryFolder(t), 'program.sock');
  const connected: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => void connected.push(socket));
  t.after(() => server.close());
  await new Promise<void>((resolve) => void server.listen(path, resolve));
  const clock = new FakeClock();
  const shaken = { ready: 0 };
  const handshake = shakeHands(path, answers, clock, () => (shaken.ready += 1));
  t.after(() => handshake.cancel());
  await until(() => connected.length === 1);
  return { shaken, clock, program: connected[0]! };
}

describe('a program that was started', () => {
  it('is ready with the first byte of an answer', async (t) => {
    const { shaken, program } = await shake(t, true);
    assert.equal(shaken.ready, 0);
    program.write('x');
    await until(() => shaken.ready === 1);
  });

  it('is ready after a second of silence, unless it is known to answer', async (t) => {
    const silent = await shake(t, false);
    silent.clock.advance(1_000);
    assert.equal(silent.shaken.ready, 1);
    const starting = await shake(t, true);
    starting.clock.advance(20_000);
    assert.equal(starting.shaken.ready, 0);
    starting.program.write('x');
    await until(() => starting.shaken.ready === 1);
  });

  it('has a second to end when it breaks the connection, and is left to its parent after that', async (t) => {
    const { shaken, clock, program } = await shake(t, true);
    clock.advance(20_000);
    // With bytes unread that is a reset.
    program.destroy();
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(shaken.ready, 0);
    await until(() => {
      clock.advance(1_000);
      return shaken.ready === 1;
    });
  });
});
