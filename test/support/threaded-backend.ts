// A pool that front threads have a part of, as one backend: its requests go to the threads in turn. Each order is carried out in its thread
// before the one who gives it goes on, so that a test may presume of several threads what it may of one.

import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { type MessagePort, Worker } from 'node:worker_threads';
import type { PoolShare } from '../../src/backend/unit.ts';
import { PosternError } from '../../src/errors.ts';
import type { Log } from '../../src/log.ts';
import type { Backend, CgiRequest, CgiSink, Exchange } from '../../src/protocol/cgi/exchange.ts';
import type { PoolSnapshot } from '../../src/queue/pool-snapshot.ts';
import { PoolSums } from '../../src/threads/pool-sums.ts';
import type { AskedThreadData, AskedThreadOrder, AskedThreadWord, ToldExchange } from './asked-thread.ts';

const program = new URL('asked-thread-program.ts', import.meta.url);
const patienceMs = 20_000;

/** A pool that is to be shared. */
export interface SharedPool {
  readonly name: string;
  readonly log: Log;
  /** See `Unit.share`. */
  share(thread: number): { readonly share: PoolShare; readonly ports: readonly MessagePort[] };
}

interface Asked {
  readonly sink: CgiSink;
  exchange: ToldExchange;
  isOver: boolean;
}

class AskedThread {
  readonly worker: Worker;
  readonly #carriedOut: Int32Array;

  constructor(index: number, { share, ports }: ReturnType<SharedPool['share']>) {
    const carriedOut = new SharedArrayBuffer(4);
    this.#carriedOut = new Int32Array(carriedOut);
    const workerData: AskedThreadData = { index, share, carriedOut };
    this.worker = new Worker(program, { workerData, transferList: [...ports] });
  }

  /** Returns when the thread has done so. */
  tell(order: AskedThreadOrder): void {
    const before = Atomics.load(this.#carriedOut, 0);
    this.worker.postMessage(order);
    if (Atomics.wait(this.#carriedOut, 0, before, patienceMs) === 'timed-out')
      throw new Error(`a thread has not carried out ${order.type} for ${patienceMs} ms`);
  }
}

export class ThreadedBackend implements Backend {
  readonly name: string;
  readonly #log: Log;
  readonly #threads: readonly AskedThread[];
  readonly #asked = new Map<number, Asked>();
  readonly #sums = new PoolSums();
  #lastId = 0;

  private constructor(t: TestContext, pool: SharedPool, count: number) {
    this.name = pool.name;
    this.#log = pool.log;
    this.#threads = Array.from({ length: count }, (_, at) => new AskedThread(at + 1, pool.share(at + 1)));
    for (const [at, { worker }] of this.#threads.entries())
      worker.on('message', (word: AskedThreadWord) => this.#hear(at + 1, word));
    t.after(() => Promise.all(this.#threads.map(({ worker }) => worker.terminate())));
  }

  /** Begins so many threads, from index 1; they end with the test. */
  static async start(t: TestContext, pool: SharedPool, count: number): Promise<ThreadedBackend> {
    const backend = new ThreadedBackend(t, pool, count);
    await Promise.all(backend.#threads.map(({ worker }) => once(worker, 'message')));
    return backend;
  }

  run(request: CgiRequest, sink: CgiSink): Exchange {
    this.#lastId += 1;
    const id = this.#lastId;
    const asked: Asked = { sink, exchange: { waitedMs: 0, pid: 0, attempts: 0 }, isOver: false };
    this.#asked.set(id, asked);
    const thread = this.#threads[id % this.#threads.length]!;
    // Pairs are made from the environment again: they are a view of memory that does not go over.
    const { pairs: _, ...sent } = request;
    thread.tell({ type: 'run', id, request: { ...sent, environment: { ...request.environment } } });
    return {
      get waitedMs() {
        return asked.exchange.waitedMs;
      },
      get pid() {
        return asked.exchange.pid;
      },
      get attempts() {
        return asked.exchange.attempts;
      },
      resume() {},
      abort() {
        asked.isOver = true;
        thread.tell({ type: 'abort', id });
      },
    };
  }

  /** Ends a thread at once, as one that runs out of memory. @param thread from 1 */
  async lose(thread: number): Promise<void> {
    await this.#threads[thread - 1]!.worker.terminate();
  }

  /** Ends all threads at once. @param died told of each */
  async loseAll(died: (thread: number) => void): Promise<void> {
    for (const at of this.#threads.keys()) {
      await this.lose(at + 1);
      died(at + 1);
    }
  }

  /** A pool with what the threads tell of it. */
  summed(own: PoolSnapshot): PoolSnapshot {
    return this.#sums.of(own);
  }

  /** Has all threads take no more requests; resolves when those that they have are over. */
  async close(deadlineMs: number): Promise<void> {
    const closed = this.#threads.map(async ({ worker }) => {
      for (;;) if (((await once(worker, 'message')) as [AskedThreadWord])[0].type === 'closed') return;
    });
    for (const thread of this.#threads) thread.tell({ type: 'close', deadlineMs });
    await Promise.all(closed);
  }

  #hear(thread: number, word: AskedThreadWord): void {
    if (word.type === 'log') this.#log[word.level](word.fields, word.message);
    else if (word.type === 'told') this.#sums.take(thread, word.pools);
    else if (word.type === 'sink') this.#pass(word);
  }

  #pass(word: AskedThreadWord & { readonly type: 'sink' }): void {
    const asked = this.#asked.get(word.id)!;
    asked.exchange = word.exchange;
    if (asked.isOver) return;
    const { sink } = asked;
    if (word.call === 'head') sink.head(word.head);
    else if (word.call === 'write') sink.write(word.chunk);
    else if (word.call === 'stderr') sink.stderr(word.chunk);
    else if (word.call === 'flush') sink.flush();
    else {
      asked.isOver = true;
      if (word.call === 'fail') sink.fail(new PosternError(word.error.code, word.error.message, word));
      else sink.end();
    }
  }
}
