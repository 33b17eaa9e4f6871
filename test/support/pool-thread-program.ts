// A front thread of a pool for tests: runs the requests that it is told to, and says how they ended.

import { parentPort, workerData } from 'node:worker_threads';
import { openPoolThread } from '../../src/leases/pool-thread.ts';
import type { CgiRequest } from '../../src/protocol/cgi/exchange.ts';
import { cgiRequest } from './cgi-request.ts';
import { RecordingSink } from './recording-sink.ts';

/** What it is told. */
export type ThreadOrder =
  | { readonly type: 'ask'; readonly id: number; readonly request: Partial<CgiRequest> }
  | { readonly type: 'abort'; readonly id: number }
  /** Asks without end, so many at a time, and tells what failed when it is told to stop. */
  | { readonly type: 'load'; readonly clients: number; readonly request: Partial<CgiRequest> }
  | { readonly type: 'rest' }
  /** Ends as a thread does that throws. */
  | { readonly type: 'die' };

/** What it says. */
export type ThreadWord =
  | { readonly type: 'answer'; readonly id: number; readonly body: string; readonly code: string | null }
  | { readonly type: 'rested'; readonly answers: number; readonly failures: readonly string[] };

const port = parentPort!;
const thread = openPoolThread(workerData);
const asked = new Map<number, { abort(): void }>();
let loads: Promise<void>[] = [];
let isLoaded = false;
let answers = 0;
let failures: string[] = [];

function say(word: ThreadWord): void {
  port.postMessage(word);
}

function run(request: Partial<CgiRequest>, id = -1): Promise<RecordingSink> {
  const sink = new RecordingSink();
  asked.set(id, thread.queue.run(cgiRequest(request), sink));
  return sink.done;
}

async function client(request: Partial<CgiRequest>): Promise<void> {
  while (isLoaded) {
    const { error } = await run(request);
    if (error === null) answers += 1;
    else failures.push(`${error.code} ${error.message}`);
    if (error?.code === 'POOL_CLOSING') return;
  }
}

port.on('message', async (order: ThreadOrder) => {
  switch (order.type) {
    case 'ask': {
      const { id } = order;
      const { body, error } = await run(order.request, id);
      say({ type: 'answer', id, body: error === null ? body : error.message, code: error?.code ?? null });
      return;
    }
    case 'abort':
      asked.get(order.id)?.abort();
      return;
    case 'load':
      isLoaded = true;
      loads.push(...Array.from({ length: order.clients }, () => client(order.request)));
      return;
    case 'rest':
      isLoaded = false;
      await Promise.all(loads);
      say({ type: 'rested', answers, failures });
      loads = [];
      answers = 0;
      failures = [];
      return;
    case 'die':
      throw new Error('this thread dies');
  }
});
