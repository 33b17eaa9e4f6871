// A thread's part of threads mode: its modules up, its sockets open, until the main thread says stop.

import { isMainThread, type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { Address } from '../connection/address.ts';
import { silentLog } from '../log.ts';
import type { Application } from './application.ts';
import { type Place, type ServeOptions, serveFastcgi } from './fastcgi-mode.ts';
import { Instance } from './instance.ts';

/** What a thread is started with. */
export interface ThreadData {
  readonly isPosternThread: true;
  readonly index: number;
  readonly count: number;
  /** What the modules' moduleInit returned, cloned. */
  readonly shared: readonly unknown[];
  readonly places: readonly Place[];
}

/** What the main thread tells a thread: to finish and end, or to show that it is not stuck. */
export type ThreadOrder = 'stop' | 'ping';

/** What a thread tells the main thread. */
export type ThreadMessage =
  | { readonly kind: 'ready'; readonly descriptors: readonly number[]; readonly addresses: readonly Address[] }
  | { readonly kind: 'failed'; readonly message: string; readonly stack: string | undefined }
  | { readonly kind: 'pong' | 'crashed' | 'closed' };

/** Whether this is one of the threads that `serveThreads` started. */
export function isServingThread(): boolean {
  return !isMainThread && (workerData as Partial<ThreadData> | null)?.isPosternThread === true;
}

/** Serves until it is told to stop. An error that nobody caught is told to the main thread, which lets another take this one's place. */
export async function serveThread(app: Application, options: ServeOptions): Promise<void> {
  const { index, count, shared, places } = workerData as ThreadData;
  const port = parentPort!;
  const tell = (message: ThreadMessage): void => port.postMessage(message);
  try {
    const { limits, log = silentLog } = options;
    const instance = await Instance.start(app, { mode: 'threads', thread: { index, count, shared }, limits, log });
    const service = await serveFastcgi(instance, places, options).catch(async (thrown: unknown) => {
      await instance.close();
      throw thrown;
    });
    const isStopped = stopOrder(port);
    onUncaughtError((error) => {
      log.error({ error }, `thread ${index}: an error was not caught`);
      tell({ kind: 'crashed' });
    });
    tell({ kind: 'ready', descriptors: service.descriptors, addresses: service.addresses });
    await isStopped;
    await service.close();
    tell({ kind: 'closed' });
  } catch (thrown) {
    const { cause = thrown } = (thrown ?? {}) as { readonly cause?: unknown };
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    tell({ kind: 'failed', message, stack: cause instanceof Error ? cause.stack : undefined });
  }
}

/**
 * Takes errors that nobody caught, for each of which Node would end the thread, or the process, and every request in it. Where the
 * application has a listener of its own, that decides.
 */
export function onUncaughtError(take: (error: Error) => void): void {
  process.on('uncaughtException', (thrown: unknown) => {
    if (process.listenerCount('uncaughtException') > 1) return;
    take(thrown instanceof Error ? thrown : new Error(String(thrown)));
  });
}

function stopOrder(port: MessagePort): Promise<void> {
  return new Promise((resolve) => {
    port.on('message', (order: ThreadOrder) => {
      if (order === 'stop') resolve();
      else port.postMessage({ kind: 'pong' } satisfies ThreadMessage);
    });
  });
}
