// How a front thread has CGI programs started by the launcher: it asks the main thread, which has the launcher's ear; the sockets of the
// programs are the thread's own.

import type { MessagePort } from 'node:worker_threads';
import { PosternError } from '../errors.ts';
import type { CgiStart, Starter } from '../worker/starter.ts';
import { type LaunchedProcess, receivedError, startCgiBy } from './launched-process.ts';
import type { Notice, Request } from './requests.ts';

/** How long a program of a thread that was lost has between SIGTERM and SIGKILL. */
const killAfterMs = 5_000;

/** What a thread is given. */
export interface RelayEnd {
  readonly port: MessagePort;
  /** Where sockets are handed over. */
  readonly handOver: string;
  /** Tells its tokens from those of others. */
  readonly prefix: string;
}

/** What is told of one process. */
export type ProcessNotice = Exclude<Extract<Notice, { process: number }>, { tell: 'gone' }>;

export class RelayedStarter implements Starter {
  readonly #end: RelayEnd;
  readonly #processes = new Map<number, LaunchedProcess>();
  #count = 0;

  constructor(end: RelayEnd) {
    this.#end = end;
    end.port.on('message', (notice: ProcessNotice) => tellProcess(this.#processes, notice));
    end.port.unref();
  }

  /** Workers are started in the main thread. */
  startWorker(): never {
    throw new PosternError('INTERNAL', 'a thread starts no workers');
  }

  startCgi(start: CgiStart): LaunchedProcess {
    this.#count += 1;
    const { port, handOver, prefix } = this.#end;
    const ask = (request: Request): void => port.postMessage(request);
    const process = startCgiBy(ask, this.#count, `${prefix}n${this.#count}`, handOver, start);
    this.#processes.set(this.#count, process);
    return process;
  }
}

/** Tells a process what became of it; one that has ended is forgotten. */
export function tellProcess(
  processes: Map<number, Pick<LaunchedProcess, 'spawned' | 'failed' | 'exited'>>,
  notice: ProcessNotice,
): void {
  const process = processes.get(notice.process);
  if (notice.tell === 'spawned') process?.spawned(notice.pid, notice.socketPath);
  else {
    processes.delete(notice.process);
    if (notice.tell === 'failed') process?.failed(receivedError(notice.error));
    else process?.exited(notice);
  }
}

/** The main thread's end of a relay: requests with the numbers of the thread become the launcher's, and what is told goes back. */
export class Relay {
  readonly #port: MessagePort;
  readonly #say: (request: Request) => void;
  readonly #newId: () => number;
  readonly #onOver: (relay: Relay) => void;
  /** By the thread's number, and by the launcher's: until nothing of a program is left. Its run may go on after its exit, and end what it had started. */
  readonly #ids = new Map<number, number>();
  readonly #locals = new Map<number, number>();
  /** Those that have exited. */
  readonly #exited = new Set<number>();
  #isLost = false;
  #kill: NodeJS.Timeout | undefined;

  /** @param onOver the thread is gone, and so is what it had started */
  constructor(port: MessagePort, say: (request: Request) => void, newId: () => number, onOver: (relay: Relay) => void) {
    this.#port = port;
    this.#say = say;
    this.#newId = newId;
    this.#onOver = onOver;
    port.on('message', (request: Request) => this.#pass(request));
    port.once('close', () => this.#lost());
    port.unref();
  }

  /** @returns whether the process is one of this thread's */
  tell(notice: ProcessNotice): boolean {
    const local = this.#locals.get(notice.process);
    if (local === undefined) return false;
    this.#port.postMessage({ ...notice, process: local });
    // What it had started goes with it: nobody else asks for that any more.
    if (this.#isLost && notice.tell === 'exited') this.#signal(notice.process, 'SIGKILL');
    if (notice.tell === 'failed' || (this.#isLost && notice.tell === 'exited')) this.forget(notice.process);
    else if (notice.tell === 'exited') this.#exited.add(notice.process);
    else if (this.#isLost) this.#signal(notice.process, 'SIGTERM');
    return true;
  }

  /** Nothing is left of a process, or the thread is not told of it any more. */
  forget(process: number): void {
    const local = this.#locals.get(process);
    if (local === undefined) return;
    this.#locals.delete(process);
    this.#ids.delete(local);
    this.#exited.delete(process);
    if (this.#isLost && this.#locals.size === 0) this.#over();
  }

  #pass(request: Request): void {
    if (request.do === 'cgi') {
      const id = this.#newId();
      this.#ids.set(request.process, id);
      this.#locals.set(id, request.process);
      this.#say({ ...request, process: id });
    } else if (request.do === 'signal') {
      const id = this.#ids.get(request.process);
      if (id !== undefined) this.#say({ ...request, process: id });
    }
  }

  /** The thread is gone, and its requests with it: its programs are to end. */
  #lost(): void {
    this.#isLost = true;
    // What those that have exited had started goes at once, as it does with the exit of others.
    for (const process of [...this.#exited]) {
      this.#signal(process, 'SIGKILL');
      this.forget(process);
    }
    if (this.#locals.size === 0) {
      this.#over();
      return;
    }
    for (const process of this.#locals.keys()) this.#signal(process, 'SIGTERM');
    this.#kill = setTimeout(() => {
      for (const process of this.#locals.keys()) this.#signal(process, 'SIGKILL');
    }, killAfterMs);
    this.#kill.unref();
  }

  /** Of a thread that is gone no process is left. */
  #over(): void {
    clearTimeout(this.#kill);
    this.#onOver(this);
  }

  #signal(process: number, signal: 'SIGTERM' | 'SIGKILL'): void {
    this.#say({ do: 'signal', process, signal, to: 'group' });
  }
}
