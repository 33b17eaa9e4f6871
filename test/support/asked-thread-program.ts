// A front thread's part of one pool, without a front: it runs the requests that a test gives it, and tells what becomes of them.

import { parentPort, workerData } from 'node:worker_threads';
import type { PosternError } from '../../src/errors.ts';
import type { Log, LogFields } from '../../src/log.ts';
import type { CgiRequest, CgiSink, Exchange } from '../../src/protocol/cgi/exchange.ts';
import { ThreadPools } from '../../src/threads/thread-pools.ts';
import type { AskedThreadData, AskedThreadOrder, AskedThreadWord, SinkCall } from './asked-thread.ts';

/** How often it tells of its part, as a front thread does. */
const tellMs = 20;

const { index, share, carriedOut } = workerData as AskedThreadData;
const orders = new Int32Array(carriedOut);
const say = (word: AskedThreadWord): void => parentPort!.postMessage(word);
const running = new Map<number, Exchange>();
const pools = new ThreadPools(index, sentLog(), 'of-a-test');
await pools.prepare([share]);
await pools.commit([share.name], 0);
const { backend } = pools.backends.get(share.name)!;

parentPort!.on('message', (order: AskedThreadOrder) => {
  carryOut(order);
  Atomics.add(orders, 0, 1);
  Atomics.notify(orders, 0);
});
setInterval(tell, tellMs).unref();
say({ type: 'ready' });

function carryOut(order: AskedThreadOrder): void {
  if (order.type === 'run') running.set(order.id, backend.run(order.request as CgiRequest, sinkOf(order.id)));
  else if (order.type === 'abort') running.get(order.id)?.abort();
  else void pools.close(order.deadlineMs).then(closed);
}

function tell(): void {
  say({ type: 'told', pools: pools.told() });
}

function closed(): void {
  tell();
  say({ type: 'closed' });
}

function sinkOf(id: number): CgiSink {
  const pass = (call: SinkCall): void => {
    const { waitedMs = 0, pid = 0, attempts = 0 } = running.get(id) ?? {};
    say({ type: 'sink', id, exchange: { waitedMs, pid, attempts }, ...call });
  };
  return {
    // What was made of a head before is this thread's own.
    head: ({ made: _, ...head }) => pass({ call: 'head', head }),
    write(chunk) {
      pass({ call: 'write', chunk: chunk.slice() });
      return true;
    },
    flush: () => pass({ call: 'flush' }),
    end: () => pass({ call: 'end' }),
    stderr: (chunk) => pass({ call: 'stderr', chunk: chunk.slice() }),
    fail: ({ code, message, stack, fields, isTold }: PosternError) =>
      pass({ call: 'fail', error: { code, message, stack }, fields: { ...fields }, isTold }),
  };
}

function sentLog(): Log {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (fields: LogFields, message: string): void =>
      say({ type: 'log', level, fields: JSON.parse(JSON.stringify(fields)), message });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
