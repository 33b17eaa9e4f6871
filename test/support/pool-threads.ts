// A pool with front threads in a test: threads that ask it, and end with the test.

import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { MessageChannel, Worker } from 'node:worker_threads';
import type { Pool } from '../../src/pool/pool.ts';
import type { CgiRequest } from '../../src/protocol/cgi/exchange.ts';
import type { ThreadOrder, ThreadWord } from './pool-thread-program.ts';

/** How a request ended in a thread. */
export interface ThreadAnswer {
  readonly body: string;
  /** null: well. */
  readonly code: string | null;
}

const program = new URL('pool-thread-program.ts', import.meta.url);

export class PoolThreads {
  readonly #pool: Pool;
  readonly #threads = new Map<number, Worker>();
  readonly #asked = new Map<number, (answer: ThreadAnswer) => void>();
  #lastId = 0;

  /** Opens so many, from index 1. */
  constructor(t: TestContext, pool: Pool, count: number) {
    this.#pool = pool;
    for (let index = 1; index <= count; index += 1) this.open(index);
    t.after(() => Promise.all([...this.#threads.values()].map((thread) => thread.terminate())));
  }

  open(index: number): void {
    const { port1, port2 } = new MessageChannel();
    this.#pool.openThread(index, port1);
    const thread = new Worker(program, {
      workerData: { shared: this.#pool.shared, index, port: port2 },
      transferList: [port2],
      stderr: true,
    });
    thread.on('message', (word: ThreadWord) => {
      if (word.type === 'answer') this.#asked.get(word.id)?.(word);
    });
    thread.on('error', () => {});
    thread.once('exit', () => this.#pool.threadDied(index));
    this.#threads.set(index, thread);
  }

  /** Runs a request in a thread to its end. */
  ask(index: number, request: Partial<CgiRequest>): Promise<ThreadAnswer> {
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve } = Promise.withResolvers<ThreadAnswer>();
    this.#asked.set(id, resolve);
    this.#tell(index, { type: 'ask', id, request });
    return promise;
  }

  load(index: number, clients: number, request: Partial<CgiRequest>): void {
    this.#tell(index, { type: 'load', clients, request });
  }

  /** Ends the load of a thread. */
  async rest(index: number): Promise<ThreadWord & { readonly type: 'rested' }> {
    const thread = this.#threads.get(index)!;
    this.#tell(index, { type: 'rest' });
    for (;;) {
      const [word] = (await once(thread, 'message')) as [ThreadWord];
      if (word.type === 'rested') return word;
    }
  }

  /** Resolves when the thread has ended, and the pool was told. */
  async die(index: number): Promise<void> {
    const thread = this.#threads.get(index)!;
    this.#tell(index, { type: 'die' });
    await new Promise((resolve) => thread.once('exit', resolve));
  }

  #tell(index: number, order: ThreadOrder): void {
    this.#threads.get(index)!.postMessage(order);
  }
}
