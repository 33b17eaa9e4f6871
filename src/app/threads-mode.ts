// Threads: the main thread initialises the modules once, starts threads that each accept connections themselves, and replaces one that is lost.

import { createServer } from 'node:net';
import { Worker } from 'node:worker_threads';
import type { Address } from '../connection/address.ts';
import { type InheritedSocket, listenOn } from '../connection/listen.ts';
import { PosternError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import type { AppLimits } from './app-options.ts';
import type { Application } from './application.ts';
import type { FastcgiService, Place } from './fastcgi-mode.ts';
import { startProcess, stopProcess } from './phases.ts';
import type { ThreadData, ThreadMessage, ThreadOrder } from './serving-thread.ts';

/** Options of the main thread. */
export interface ThreadsOptions {
  readonly count: number;
  /** The file that calls `run`; each thread runs it again. */
  readonly entry: string | URL;
  /** Its arguments. */
  readonly parameters: readonly string[];
  readonly limits: AppLimits;
  readonly log?: Log | undefined;
  /** Called when a lost thread cannot be replaced. */
  readonly onCrash: (message: string, error: Error | null) => void;
}

const PING_PERIOD_MS = 1_000;
/** So many threads that are lost within so long are more than one bad request: the process ends, and whoever started it decides. */
const MOST_LOSSES = 10;
const LOSSES_PERIOD_MS = 60_000;

/** The main thread's part: modules up, threads up, and down again. @throws PROGRAM_NOT_STARTED, ADDRESS_IN_USE */
export async function serveThreads(
  app: Application,
  where: readonly (Address | InheritedSocket)[],
  options: ThreadsOptions,
): Promise<FastcgiService> {
  const { count, log = silentLog } = options;
  const report = (message: string, thrown: unknown): void => log.error({ error: thrown }, message);
  const places = await Promise.all(where.map(placeOf));
  const shared = await startProcess(app.modules, { mode: 'threads', threads: count }, report);
  const threads = new Threads({ isPosternThread: true, count, shared, places }, options);
  const stop = async (): Promise<void> => {
    await threads.close();
    await stopProcess(app.modules, shared, report);
  };
  let first: Ready;
  try {
    first = await threads.start();
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => {
    closing ??= stop();
    return closing;
  };
  return {
    addresses: first.addresses,
    descriptors: first.descriptors,
    // Its threads are replaced one by one; where they cannot be, they end in order.
    halt: () => close().then(() => false),
    close,
  };
}

type Ready = ThreadMessage & { readonly kind: 'ready' };

/** All threads of a process. */
class Threads {
  readonly #data: Omit<ThreadData, 'index'>;
  readonly #options: ThreadsOptions;
  readonly #log: Log;
  readonly #all = new Set<ServingThread>();
  readonly #timer: NodeJS.Timeout;
  #losses: number[] = [];
  #isClosing = false;

  constructor(data: Omit<ThreadData, 'index'>, options: ThreadsOptions) {
    this.#data = data;
    this.#options = options;
    this.#log = options.log ?? silentLog;
    this.#timer = setInterval(() => this.#ping(), PING_PERIOD_MS).unref();
  }

  /** Starts the first, on whose sockets others may accept, then the others. */
  async start(): Promise<Ready> {
    const { places, count } = this.#data;
    const ready = await this.#start(0, places);
    const others = places.map((place, index) => sharedWith(place, ready.descriptors[index]!));
    const rest = await Promise.allSettled(
      Array.from({ length: count - 1 }, (_, index) => this.#start(index + 1, others)),
    );
    for (const result of rest) if (result.status === 'rejected') throw result.reason;
    return ready;
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all([...this.#all].map((thread) => thread.close()));
    clearInterval(this.#timer);
  }

  async #start(index: number, places: readonly Place[]): Promise<Ready> {
    const thread = new ServingThread({ ...this.#data, index, places }, this.#options, {
      lost: (why, error) => this.#lost(thread, why, error),
      gone: () => this.#all.delete(thread),
    });
    this.#all.add(thread);
    return thread.ready;
  }

  /** A thread was lost, or is no more to be trusted: it goes on until another has taken its place. A socket that it shared is lost with it. */
  #lost(thread: ServingThread, why: string, error: Error | null): void {
    if (this.#isClosing) return;
    const { index, places } = thread.data;
    this.#log.error(error === null ? {} : { error }, `thread ${index} ${why}`);
    const now = Date.now();
    this.#losses = [...this.#losses.filter((at) => now - at < LOSSES_PERIOD_MS), now];
    if (places.some(({ isShared }) => isShared)) {
      this.#options.onCrash('the threads share one socket, which ends with any of them', error);
    } else if (this.#losses.length >= MOST_LOSSES) {
      this.#options.onCrash(`${MOST_LOSSES} threads were lost within ${LOSSES_PERIOD_MS / 1_000} s`, error);
    } else {
      this.#start(index, places).then(
        () => thread.close(true),
        (thrown: Error) => this.#options.onCrash(`thread ${index} could not be replaced`, thrown),
      );
    }
  }

  #ping(): void {
    const { requestTimeoutMs, graceMs } = this.#options.limits;
    for (const thread of [...this.#all]) thread.check(requestTimeoutMs, graceMs);
  }
}

/** `leaving`: an error was not caught in it; it serves until another has taken its place. */
type ThreadState = 'starting' | 'serving' | 'leaving' | 'stopping' | 'gone';

const moves: Readonly<Record<ThreadState, readonly ThreadState[]>> = {
  starting: ['serving', 'stopping', 'gone'],
  serving: ['leaving', 'stopping', 'gone'],
  leaving: ['stopping', 'gone'],
  stopping: ['gone'],
  gone: [],
};

/** What a thread's owner is told. */
interface ThreadEvents {
  /** It serves no more, and was not told to stop. */
  lost(why: string, error: Error | null): void;
  gone(): void;
}

/** A thread as the main thread sees it. */
class ServingThread {
  readonly data: ThreadData;
  /** @throws PROGRAM_NOT_STARTED */
  readonly ready: Promise<Ready>;
  readonly #worker: Worker;
  readonly #limits: AppLimits;
  readonly #events: ThreadEvents;
  readonly #begun = Promise.withResolvers<Ready>();
  readonly #closed = Promise.withResolvers<void>();
  #state: ThreadState = 'starting';
  #lastPongMs = 0;

  constructor(data: ThreadData, { entry, parameters, limits }: ThreadsOptions, events: ThreadEvents) {
    this.data = data;
    this.ready = this.#begun.promise;
    this.#limits = limits;
    this.#events = events;
    this.#worker = new Worker(entry, { workerData: data, argv: [...parameters] });
    this.#worker.on('message', (message: ThreadMessage) => this.#take(message));
    this.#worker.on('error', (error: Error) => {
      this.#ended(error, `thread ${data.index} failed at its start: ${error.message}`);
    });
    this.#worker.on('exit', (code) => {
      const error = new Error(`its exit code was ${code}`);
      this.#ended(error, `thread ${data.index} ended at its start: ${String(entry)} has to call run()`);
    });
  }

  /**
   * Lets its requests finish.
   * @param isReplaced whether the thread itself ends then, too; else it lives on until the process ends, since its end would close
   * descriptors that others share
   */
  close(isReplaced = false): Promise<void> {
    if (isReplaced) void this.#closed.promise.then(() => this.#worker.terminate());
    if (this.#state === 'serving' || this.#state === 'leaving' || this.#state === 'starting') {
      this.#move('stopping');
      this.#tell('stop');
      const { stopTimeoutMs, graceMs } = this.#limits;
      // Whoever is stuck hears nothing.
      const late = setTimeout(() => this.#closed.resolve(), stopTimeoutMs + 2 * graceMs);
      void this.#closed.promise.then(() => clearTimeout(late));
    }
    return this.#closed.promise;
  }

  /** Ends it when it has not come back to its event loop for longer than a request may take: nothing else can. */
  check(requestTimeoutMs: number, graceMs: number): void {
    if ((this.#state !== 'serving' && this.#state !== 'leaving') || requestTimeoutMs === 0) return;
    const quietMs = performance.now() - this.#lastPongMs;
    if (quietMs <= requestTimeoutMs + graceMs) {
      this.#tell('ping');
      return;
    }
    const what = `it has not come back to its event loop for ${Math.round(quietMs)} ms: a loop that waits for nothing?`;
    void this.#worker.terminate();
    this.#ended(new Error(what), what);
  }

  #take(message: ThreadMessage): void {
    this.#lastPongMs = performance.now();
    if (message.kind === 'ready') {
      if (this.#state === 'starting') this.#move('serving');
      this.#begun.resolve(message);
    } else if (message.kind === 'failed') {
      void this.#worker.terminate();
      this.#ended(errorOf(message), message.message);
    } else if (message.kind === 'crashed' && this.#state === 'serving') {
      this.#move('leaving');
      this.#events.lost('is replaced: an error was not caught in it', null);
    } else if (message.kind === 'closed') {
      this.#closed.resolve();
    }
  }

  /** It is no more, by itself or because it never began. */
  #ended(error: Error, atStart: string): void {
    const state = this.#state;
    if (state === 'gone') return;
    this.#move('gone');
    this.#closed.resolve();
    this.#events.gone();
    if (state === 'serving') this.#events.lost('is lost with what ran in it', error);
    this.#begun.reject(new PosternError('PROGRAM_NOT_STARTED', atStart, { cause: error.stack ? error : undefined }));
  }

  #tell(order: ThreadOrder): void {
    this.#worker.postMessage(order);
  }

  #move(to: ThreadState): void {
    if (!moves[this.#state].includes(to)) throw new Error(`a thread cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}

function errorOf({ message, stack }: { readonly message: string; readonly stack: string | undefined }): Error {
  return Object.assign(new Error(message), { stack });
}

/**
 * How threads accept on one place. libuv never closes descriptors 0 to 2, so that each thread may close its server on them; a TCP
 * address gets a socket for each thread. What is left (a Unix socket, systemd's) is one descriptor that nobody closes.
 */
async function placeOf(where: Address | InheritedSocket): Promise<Place> {
  if ('fd' in where) return { where, isShared: where.fd > 2 };
  if (where.kind === 'unix' || process.platform !== 'linux') return { where, isShared: true };
  return { where: await freeAddress(where), isShared: false, reusePort: true };
}

/** With SO_REUSEPORT a second service would share the port without a word, so it is tried first without; this finds a port for 0, too. */
async function freeAddress(where: Address & { readonly kind: 'tcp' }): Promise<Address> {
  const server = createServer();
  const free = await listenOn(server, where);
  await new Promise((resolve) => server.close(resolve));
  return free;
}

function sharedWith(place: Place, descriptor: number): Place {
  if (!place.isShared || 'fd' in place.where) return place;
  return { where: { fd: descriptor }, isShared: true };
}
