// A process that the launcher has started for the service, as the service sees it.

import { EventEmitter } from 'node:events';
import { connect, type Socket } from 'node:net';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { PosternError } from '../errors.ts';
import { checkFreeDescriptors } from '../worker/descriptors.ts';
import type { Exit } from '../worker/exit.ts';
import { readProcessStat } from '../worker/process-table.ts';
import type { CgiStart, WorkerProcess } from '../worker/starter.ts';
import type { Request } from './requests.ts';

/** Says something to the launcher. */
export type Ask = (request: Request) => void;

/** A socket that the launcher finds by its token. */
export interface HandedOver {
  readonly token: string;
  readonly socket: Socket;
}

/** Connects a socket for the output or input of a program. */
function handOver(path: string, token: string): HandedOver {
  // The other side closes its end when it likes: what is read ends then, what is written does not.
  const socket = connect({ path, allowHalfOpen: false });
  socket.on('error', () => {});
  socket.write(`${token}\n`);
  return { token, socket };
}

/** Has a CGI program started. @throws LAUNCH_FAILED where this process has no descriptors left */
export function startCgiBy(ask: Ask, id: number, token: string, path: string, start: CgiStart): LaunchedProcess {
  const ends = handedOver(3, token, path);
  const [stdin, stdout, stderr] = ends.map(({ socket }) => socket) as [Socket, Socket, Socket];
  const process = new LaunchedProcess(id, ask, stdin, stdout, stderr);
  const { pool, launchKey: key = '', variables } = start;
  const [into = '', out = '', err = ''] = ends.map((one) => one.token);
  ask({ do: 'cgi', process: id, pool, key, path: start.path, variables, in: into, out, err });
  return process;
}

/** So many sockets for one program. @throws LAUNCH_FAILED */
export function handedOver(count: number, token: string, path: string): HandedOver[] {
  try {
    checkFreeDescriptors();
  } catch (cause) {
    throw new PosternError('LAUNCH_FAILED', `the launcher could not be asked: ${cause}`, { cause });
  }
  return Array.from({ length: count }, (_, index) => handOver(path, `${token}x${index}`));
}

export class LaunchedProcess implements WorkerProcess {
  readonly #id: number;
  readonly #ask: Ask;
  readonly #events = new EventEmitter();
  readonly #sockets: readonly Socket[];
  readonly stdin: Writable | null;
  readonly stdout: Readable;
  readonly stderr: Readable;
  pid = 0;
  socketPath = '';
  #isOver = false;
  /** It was to be ended before it was there. */
  #signalAtStart: NodeJS.Signals | null = null;

  /** @param stdin null: it has a socket that listens */
  constructor(id: number, ask: Ask, stdin: Socket | null, stdout: Socket, stderr: Socket) {
    this.#id = id;
    this.#ask = ask;
    this.#sockets = [...(stdin === null ? [] : [stdin]), stdout, stderr];
    // Nothing may follow the token before the launcher has let go of the socket: it would be taken for more of that.
    this.stdin = stdin === null ? null : heldBack(stdin, this.#events);
    this.stdout = stdout;
    this.stderr = stderr;
  }

  once(event: string, listener: (...args: never[]) => void): void {
    this.#events.once(event, listener as (...args: unknown[]) => void);
  }

  spawned(pid: number, socketPath: string): void {
    this.pid = pid;
    this.socketPath = socketPath;
    this.#events.emit('spawn');
    if (this.#signalAtStart !== null) this.signalGroup(this.#signalAtStart);
  }

  failed(error: PosternError): void {
    this.#isOver = true;
    for (const socket of this.#sockets) socket.destroy();
    if (this.#events.listenerCount('error') > 0) this.#events.emit('error', error);
  }

  exited({ code, signal }: Exit): void {
    this.#isOver = true;
    this.#events.emit('exit', code, signal);
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#isEarly(signal))
      this.#ask({ do: 'signal', process: this.#id, signal: signal as 'SIGTERM', to: 'leader' });
  }

  signalGroup(signal: NodeJS.Signals): void {
    if (!this.#isEarly(signal))
      this.#ask({ do: 'signal', process: this.#id, signal: signal as 'SIGTERM', to: 'group' });
  }

  signalChild(pid: number, signal: NodeJS.Signals, isTree: boolean): void {
    if (pid < 2) return;
    const to = isTree ? 'tree' : 'child';
    this.#ask({ do: 'signal', process: this.#id, signal: signal as 'SIGTERM', to, pid });
  }

  met(pid: number): void {
    if (pid !== this.pid && pid >= 2) this.#ask({ do: 'met', process: this.#id, pid });
  }

  /** The launcher looks again, with rights: what is seen here decides only whether it is asked. */
  endForeign(pid: number): boolean {
    const stat = readProcessStat(pid);
    if (stat === null || pid === this.pid || stat.parent === this.pid) return false;
    this.#ask({ do: 'foreign', process: this.#id, pid });
    return stat.group === this.pid || stat.session === this.pid;
  }

  clear(): void {
    if (this.pid !== 0) this.#ask({ do: 'clear', process: this.#id });
  }

  #isEarly(signal: NodeJS.Signals): boolean {
    if (this.pid !== 0) return false;
    if (!this.#isOver && this.#signalAtStart !== 'SIGKILL') this.#signalAtStart = signal;
    return true;
  }
}

function heldBack(socket: Socket, events: EventEmitter): Writable {
  const held = new PassThrough();
  events.once('spawn', () => held.pipe(socket));
  held.on('error', () => socket.destroy());
  held.once('close', () => {
    if (!held.readableEnded) socket.destroy();
  });
  socket.once('close', () => held.destroy());
  return held;
}

/** An error that the launcher has sent. */
export function receivedError({
  code,
  message,
  cause,
}: {
  code: string;
  message: string;
  cause: string | null;
}): PosternError {
  const inner = cause === null ? undefined : Object.assign(new Error(cause), { code: cause });
  return new PosternError(code as 'LAUNCH_FAILED', message, { cause: inner });
}
