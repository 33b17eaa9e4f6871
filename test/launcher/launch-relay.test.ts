// The main thread's end of a relay when its front thread is lost: the programs of the thread are ended, those too that ignore SIGTERM.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { Relay } from '../../src/launcher/launch-relay.ts';
import type { Request } from '../../src/launcher/requests.ts';

test('programs of a thread that was lost get SIGTERM, after five seconds SIGKILL, and then the relay is over', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { port1, port2 } = new MessageChannel();
  const said: Request[] = [];
  let isOver = false;
  const relay = new Relay(
    port1,
    (request) => said.push(request),
    () => 7,
    () => {
      isOver = true;
    },
  );
  const started = once(port1, 'message');
  port2.postMessage({ do: 'cgi', process: 1 });
  await started;
  const closed = once(port1, 'close');
  port2.close();
  await closed;
  const signals = (): string[] => said.flatMap((one) => (one.do === 'signal' ? `${one.process} ${one.signal}` : []));
  assert.deepEqual(signals(), ['7 SIGTERM']);
  assert.equal(isOver, false);
  t.mock.timers.tick(5_000);
  assert.deepEqual(signals(), ['7 SIGTERM', '7 SIGKILL']);
  assert.ok(relay.tell({ tell: 'exited', process: 7, code: null, signal: 'SIGKILL' }));
  assert.deepEqual(signals().slice(2), ['7 SIGKILL'], 'what it had started goes with it');
  assert.ok(isOver);
});

test('a program that has exited is sent signals as long as something lives that it had started', async () => {
  const { port1, port2 } = new MessageChannel();
  const said: Request[] = [];
  const relay = new Relay(
    port1,
    (request) => said.push(request),
    () => 7,
    () => {},
  );
  const say = async (request: object): Promise<void> => {
    const heard = once(port1, 'message');
    port2.postMessage(request);
    await heard;
  };
  const kill = { do: 'signal', process: 1, signal: 'SIGKILL', to: 'group' };
  await say({ do: 'cgi', process: 1 });
  assert.ok(relay.tell({ tell: 'spawned', process: 7, pid: 4_711, socketPath: '' }));
  assert.ok(relay.tell({ tell: 'exited', process: 7, code: 0, signal: null }));
  await say(kill);
  assert.deepEqual(said.at(-1), { ...kill, process: 7 });
  relay.forget(7);
  await say(kill);
  assert.equal(said.length, 2, 'its number may be given to another');
  port2.close();
});
