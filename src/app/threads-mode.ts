// Threads: the main thread initialises the modules once and starts worker threads, each of which accepts connections itself.

import { createServer } from 'node:net';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Address } from '../connection/address.ts';
import { type InheritedSocket, listenOn } from '../connection/listen.ts';
import { PosternError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import type { Application } from './application.ts';
import { type FastcgiService, type Place, type ServeOptions, serveFastcgi } from './fastcgi-mode.ts';
import { Instance } from './instance.ts';
import { startProcess, stopProcess } from './phases.ts';

/** What a thread is started with. */
interface ThreadData {
  readonly isPosternThread: true;
  readonly index: number;
  readonly count: number;
  /** What the modules' moduleInit returned, cloned. */
  readonly shared: readonly unknown[];
  readonly places: readonly Place[];
}

/** What a thread tells the main thread. */
type ThreadMessage =
  | { readonly kind: 'ready'; readonly descriptors: readonly number[]; readonly addresses: readonly Address[] }
  | { readonly kind: 'failed'; readonly message: string; readonly stack: string | undefined }
  | { readonly kind: 'closed' };

/** Options of the main thread. */
export interface ThreadsOptions {
  readonly count: number;
  /** The file that calls `run`; each thread runs it again. */
  readonly entry: string | URL;
  /** Its arguments. */
  readonly parameters: readonly string[];
  readonly log?: Log | undefined;
  /** Called when a thread ended by itself: an exception that nobody caught. */
  readonly onCrash: (error: Error) => void;
}

/** Whether this is one of the threads that `serveThreads` started. */
export function isServingThread(): boolean {
  return !isMainThread && (workerData as Partial<ThreadData> | null)?.isPosternThread === true;
}

/** The main thread's part: modules up, threads up, and down again. */
export async function serveThreads(
  app: Application,
  where: readonly (Address | InheritedSocket)[],
  options: ThreadsOptions,
): Promise<FastcgiService> {
  const { count, log = silentLog } = options;
  const report = (message: string, thrown: unknown): void => log.error({ error: thrown }, message);
  const places = await Promise.all(where.map(placeOf));
  const shared = await startProcess(app.modules, { mode: 'threads', threads: count }, report);
  const threads: ServingThread[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(threads.map((thread) => thread.close()));
    await stopProcess(app.modules, shared, report);
  };
  try {
    const start = (index: number, at: readonly Place[]): Promise<ServingThread> =>
      ServingThread.start({ isPosternThread: true, index, count, shared, places: at }, options);
    const first = await start(0, places);
    threads.push(first);
    const others = places.map((place, index) => sharedWith(place, first.descriptors[index]!));
    const rest = await Promise.allSettled(Array.from({ length: count - 1 }, (_, index) => start(index + 1, others)));
    for (const result of rest) if (result.status === 'fulfilled') threads.push(result.value);
    for (const result of rest) if (result.status === 'rejected') throw result.reason;
  } catch (thrown) {
    await stop();
    throw thrown;
  }
  let closing: Promise<void> | null = null;
  return {
    addresses: threads[0]!.addresses,
    descriptors: threads[0]!.descriptors,
    close() {
      closing ??= stop();
      return closing;
    },
  };
}

/** A thread's part: its modules up, its sockets open, until the main thread says stop. */
export async function serveThread(app: Application, options: ServeOptions): Promise<void> {
  const { index, count, shared, places } = workerData as ThreadData;
  const port = parentPort!;
  const tell = (message: ThreadMessage): void => port.postMessage(message);
  try {
    const { limits, log } = options;
    const instance = await Instance.start(app, { mode: 'threads', thread: { index, count, shared }, limits, log });
    const service = await serveFastcgi(instance, places, options).catch(async (thrown: unknown) => {
      await instance.close();
      throw thrown;
    });
    const isStopped = new Promise((resolve) => port.once('message', resolve));
    tell({ kind: 'ready', descriptors: service.descriptors, addresses: service.addresses });
    await isStopped;
    await service.close();
    tell({ kind: 'closed' });
  } catch (thrown) {
    const { cause = thrown } = thrown as { readonly cause?: unknown };
    tell({ kind: 'failed', message: messageOf(thrown), stack: cause instanceof Error ? cause.stack : undefined });
  }
}

/** A worker thread as the main thread sees it. */
class ServingThread {
  readonly #worker: Worker;
  readonly descriptors: readonly number[];
  readonly addresses: readonly Address[];
  #closing: Promise<void> | null = null;

  private constructor(
    worker: Worker,
    ready: ThreadMessage & { readonly kind: 'ready' },
    onCrash: (error: Error) => void,
  ) {
    this.#worker = worker;
    this.descriptors = ready.descriptors;
    this.addresses = ready.addresses;
    worker.on('error', onCrash);
    worker.on('exit', (code) => {
      if (this.#closing === null) onCrash(new Error(`a thread ended with exit code ${code}`));
    });
  }

  /** @throws PROGRAM_NOT_STARTED */
  static start(data: ThreadData, { entry, parameters, onCrash }: ThreadsOptions): Promise<ServingThread> {
    const worker = new Worker(entry, { workerData: data, argv: [...parameters] });
    return new Promise((resolve, reject) => {
      const failed = (message: string, stack?: string): void => {
        void worker.terminate();
        const cause = stack === undefined ? undefined : Object.assign(new Error(message), { stack });
        reject(new PosternError('PROGRAM_NOT_STARTED', message, { cause }));
      };
      worker.once('error', (error: unknown) => failed(`thread ${data.index} failed at its start: ${messageOf(error)}`));
      worker.once('exit', () => failed(`thread ${data.index} ended at its start: ${String(entry)} has to call run()`));
      worker.once('message', (message: ThreadMessage) => {
        if (message.kind === 'failed') return failed(message.message, message.stack);
        if (message.kind !== 'ready') return failed('ended at its start');
        worker.removeAllListeners('error');
        worker.removeAllListeners('exit');
        resolve(new ServingThread(worker, message, onCrash));
      });
    });
  }

  /** Lets its requests finish. The thread itself lives on until the process ends: its end would close shared descriptors. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#worker.once('message', () => resolve());
      this.#worker.once('exit', () => resolve());
      this.#worker.postMessage('stop');
    });
    return this.#closing;
  }
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

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
