// One process of a CGI program as a seat: from its turn to the end of its process.
//
//   new -> running -> exiting -> over     exiting: its output has ended, its process is about to
//                  -> left -> over        left: its process is gone, what it started still writes
//                  -> answered -> over    answered: its answer is complete, its process works on
//                  -> ending -> over      ending: it failed or nobody wants it: its process was told to leave
//
// How the answer ends (RFC 3875 gives the exit status no meaning):
// 1. When the output has ended and the process lives on, or exits, with whatever status: whole.
// 2. When a signal ended the process before its output had ended: whole if its own framing says so, else cut.
// 3. When its upload breaks, at a time limit, or when the client leaves: cut, and the process group is ended.

import type { Readable } from 'node:stream';
import type { Timer } from '../clock.ts';
import { type ErrorCode, PosternError, toPosternError } from '../errors.ts';
import type { CgiRequest, Progress } from '../protocol/cgi/exchange.ts';
import { bytesToLog } from '../protocol/text.ts';
import type { StopReason } from '../queue/pool-snapshot.ts';
import type { ProcessEndRecord } from '../queue/process-ends.ts';
import type { Seat, SeatUser } from '../queue/seat.ts';
import { type Exit, endingWords, unseenExit } from '../worker/exit.ts';
import { readProcessStat } from '../worker/process-table.ts';
import type { StartedProcess } from '../worker/starter.ts';
import { CgiAnswer, MAX_KEPT_ERRORS } from './cgi-answer.ts';
import { exitedAtStart, startError, startProgram, truncatedError } from './cgi-program.ts';
import type { CgiParts, CgiSettings } from './cgi-settings.ts';

type RunState = 'new' | 'running' | 'left' | 'exiting' | 'answered' | 'ending' | 'over';

/** The moves that are allowed; all others are a bug. */
const runMoves: Readonly<Record<RunState, readonly RunState[]>> = {
  new: ['running', 'over'],
  running: ['left', 'exiting', 'ending', 'over'],
  left: ['over'],
  exiting: ['answered', 'ending', 'over'],
  answered: ['ending', 'over'],
  ending: ['over'],
  over: [],
};

/** Why a process is ended whose request failed so. */
const reasons: Readonly<Partial<Record<ErrorCode, StopReason>>> = {
  ABORTED: 'abandoned',
  ANSWER_INVALID: 'protocol-error',
  ANSWER_TIMEOUT: 'timeout',
  POOL_CLOSING: 'shutdown',
  REQUEST_ENDED: 'operator',
};

/** How long the end of a process is waited for after that of its output, where the system does not tell whether it is near. */
const EXIT_GRACE_MS = 100;
const MAX_SHOWN_PATH = 1000;

/** Runs one request, once. */
export class CgiRun implements Seat {
  progress: Progress = 'unsent';
  /** Never told: each request has a process of its own, whose death takes nothing from others. */
  readonly processEnd = null;
  readonly discardedBytes = 0;
  readonly #parts: CgiParts;
  readonly #settings: CgiSettings;
  readonly #onStart: (pid: number) => void;
  readonly #onGone: (isReleased: boolean, end: ProcessEndRecord | null) => void;
  #state: RunState = 'new';
  #request: CgiRequest | null = null;
  #answer: CgiAnswer | null = null;
  #child: StartedProcess | null = null;
  /** The body, while the client is still sending it. */
  #upload: Readable | null = null;
  #startedAtMs = 0;
  #answeredAtMs = 0;
  /** What is waited for in the present state: an exit, SIGKILL, or the limit of a process that works on. */
  #timer: Timer | null = null;
  #exit: Exit | null = null;
  /** Why it was ended; null: it ends by itself. */
  #reason: StopReason | null = null;

  /**
   * @param onStart told of its process
   * @param onGone no process is left; told whether its request was over before, and how it ended where that was not by itself, after an answer
   */
  constructor(
    parts: CgiParts,
    settings: CgiSettings,
    onStart: (pid: number) => void,
    onGone: (isReleased: boolean, end: ProcessEndRecord | null) => void,
  ) {
    this.#parts = parts;
    this.#settings = settings;
    this.#onStart = onStart;
    this.#onGone = onGone;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get awaitsBody(): boolean {
    const stdin = this.#child?.stdin;
    return this.#upload !== null && stdin?.writable === true && stdin.writableLength === 0;
  }

  /** What its process still does after its answer; null: nothing. */
  get afterAnswer(): { readonly request: CgiRequest; readonly startedAtMs: number; readonly sinceMs: number } | null {
    if (this.#state !== 'answered' || this.#request === null) return null;
    return { request: this.#request, startedAtMs: this.#startedAtMs, sinceMs: this.#answeredAtMs };
  }

  /** Starts the program. @throws what `startError` has words for: then there is no process, and never was */
  run(request: CgiRequest, user: SeatUser): void {
    const { name, starter, clock } = this.#parts;
    const { env, user: runAs, launchKey } = this.#settings;
    this.#move('running');
    this.#request = request;
    this.#startedAtMs = clock.now();
    let child: StartedProcess;
    try {
      const { environment, foreign = [] } = request;
      child = startProgram(starter, name, { environment, foreign, configured: env, user: runAs, launchKey });
    } catch (error) {
      this.#gone();
      throw startError(this.#path, toPosternError(error));
    }
    this.progress = 'sent';
    this.#answer = new CgiAnswer(user);
    this.#child = child;
    if (child.pid > 0) this.#onStart(child.pid);
    // Its client may have left before: then nothing that it had is its own any more.
    else child.once('spawn', () => this.#state !== 'over' && this.#onStart(child.pid));
    child.once('error', (error) => this.#neverStarted(error));
    child.once('exit', (code, signal) => this.#exited({ code, signal }));
    // Without descriptors there is not even a stream; 'error' tells it.
    if (!child.stdin || !child.stdout || !child.stderr) return;
    child.stdout.on('data', (chunk: Buffer) => this.#read(chunk));
    child.stdout.on('close', () => this.#outputOver());
    child.stderr.on('data', (chunk: Buffer) => this.#errors(chunk));
    // Left unread, or closed by its end: what was to be said of that comes with its exit.
    for (const stream of [child.stdout, child.stderr]) stream.on('error', () => {});
    this.#sendBody(request, child);
  }

  resume(): void {
    this.#child?.stdout?.resume();
  }

  /** The client left: the program is ended, unless its answer is complete. */
  abort(): void {
    if (this.#answer === null || this.#answer.isTold) return;
    this.#answer.abort();
    this.#end('abandoned');
  }

  /** Its request was taken from it. */
  dismiss(code: ErrorCode | null): void {
    if (this.#answer === null || this.#answer.isReleased) return;
    this.#answer.drop();
    this.#end(reasons[code ?? 'ABORTED'] ?? 'timeout');
  }

  /** The program is asked to leave; a request that it still has fails. */
  stop(): void {
    this.#kill(new PosternError('POOL_CLOSING', `pool ${this.#parts.name} is closing`));
  }

  /** The program is ended at once, also one that was asked to leave before. */
  destroy(): void {
    this.stop();
    if (this.#state === 'ending') this.#signalGroup('SIGKILL');
  }

  /** The script's, as logs show it. */
  get #path(): string {
    return bytesToLog(this.#request?.environment.SCRIPT_FILENAME ?? '', MAX_SHOWN_PATH);
  }

  #sendBody({ body }: CgiRequest, { stdin }: StartedProcess): void {
    // A program need not read its body: a broken pipe is none of our business.
    stdin!.on('error', () => {});
    if (body === null) {
      stdin!.end();
    } else if (body.bytes !== null) {
      stdin!.end(body.bytes);
    } else {
      const stream = body.stream();
      if (!body.replayable) this.#upload = stream;
      stream.on('close', () => {
        this.#upload = null;
      });
      // Before the end of stdin was sent, so that the program never takes half an upload for a whole one.
      stream.on('error', (error) => this.#kill(toPosternError(error)));
      stdin!.on('close', () => stream.destroy());
      stream.pipe(stdin!);
    }
  }

  #read(chunk: Buffer): void {
    if (this.#state !== 'running' && this.#state !== 'left') return;
    this.progress = 'answered';
    try {
      if (!this.#answer!.read(chunk)) this.#child!.stdout!.pause();
    } catch (error) {
      this.#kill(toPosternError(error));
    }
  }

  #errors(chunk: Buffer): void {
    this.progress = 'answered';
    this.#answer!.readErrors(chunk);
  }

  #neverStarted(error: Error): void {
    if (this.#state === 'over') return;
    this.#answer?.fail(startError(this.#path, error));
    this.#gone();
  }

  #exited(exit: Exit): void {
    this.#exit = exit;
    if (this.#state === 'running') this.#move('left');
    else if (this.#state === 'exiting') this.#ended(exit);
    else this.#gone();
  }

  #outputOver(): void {
    if (this.#state === 'left') this.#ended(this.#exit!);
    if (this.#state !== 'running') return;
    this.#move('exiting');
    // A process that ends closes its output first, and its exit is told a little later: which signal it was says whether its answer is whole.
    const stat = readProcessStat(this.pid);
    if (stat !== null && !stat.isZombie && !stat.isEnding) this.#worksOn();
    else if (stat === null) this.#timer = this.#parts.clock.after(EXIT_GRACE_MS, () => this.#worksOn());
  }

  /** It closed its output itself: the answer ends here. Its slot is free when its process ends, which it must within requestTimeout. */
  #worksOn(): void {
    if (this.#state !== 'exiting') return;
    this.#move('answered');
    this.#answer!.finish();
    const limitMs = this.#request!.requestTimeoutMs ?? this.#settings.limits.requestTimeoutMs;
    const { clock } = this.#parts;
    this.#answeredAtMs = clock.now();
    const leftMs = Math.max(0, this.#startedAtMs + limitMs - this.#answeredAtMs);
    if (limitMs > 0) this.#timer = clock.after(leftMs, () => this.#workedTooLong(limitMs));
    this.#answer!.release();
  }

  #workedTooLong(limitMs: number): void {
    const { name, log } = this.#parts;
    const fields = { pool: name, pid: this.pid, url: this.#request?.url };
    log.warn(
      fields,
      `process ${this.pid} is ended: ${this.#path} still works after its answer (requestTimeout, ${limitMs} ms)`,
    );
    this.#end('timeout');
  }

  /** The program has written all and is gone: was that an answer? */
  #ended(exit: Exit): void {
    const answer = this.#answer!;
    const error = answer.isInBody ? this.#cutBy(exit) : this.#endedBeforeBody(exit);
    if (error !== null) answer.fail(error);
    else answer.finish();
    this.#gone();
  }

  #cutBy(exit: Exit): PosternError | null {
    return exit.signal === null || this.#answer!.isKnownWhole ? null : this.#truncated('in its answer', exit);
  }

  /** null: the parser knows the words for what came. */
  #endedBeforeBody(exit: Exit): PosternError | null {
    const notStarted = exitedAtStart(this.#path, exit, this.#answer!.errors.first);
    return notStarted ?? (exit.code === 0 ? null : this.#truncated('before its header was complete', exit));
  }

  #truncated(where: string, exit: Exit): PosternError {
    return truncatedError(this.#path, where, exit, { pid: this.pid, url: this.#request?.url });
  }

  /** Ends the program; its request fails. */
  #kill(error: PosternError): void {
    this.#answer?.fail(error);
    this.#end(reasons[error.code] ?? 'abandoned');
  }

  /** Ends the program's process group; it is over when the program is gone. */
  #end(reason: StopReason): void {
    if (this.#state === 'ending' || this.#state === 'over') return;
    this.#reason = reason;
    if (this.pid === 0 || this.#state === 'left') {
      this.#signalGroup('SIGKILL');
      this.#gone();
      return;
    }
    this.#move('ending');
    this.#timer?.cancel();
    const graceMs = this.#settings.limits.stopTimeoutMs;
    this.#signalGroup('SIGTERM');
    this.#timer = this.#parts.clock.after(graceMs, () => this.#signalGroup('SIGKILL'));
  }

  #gone(): void {
    if (this.#state === 'over') return;
    // What it started and left behind goes with a program that was ended; after an end of its own it may go on.
    if (this.#state === 'ending') this.#signalGroup('SIGKILL');
    this.#move('over');
    this.#timer?.cancel();
    const child = this.#child;
    for (const stream of [child?.stdin, child?.stdout, child?.stderr]) stream?.destroy();
    this.#tellLateErrors();
    this.#onGone(this.#answer?.isReleased ?? false, this.#endRecord());
    this.#answer?.release();
  }

  /** null: there was no process, or it ended as programs do. */
  #endRecord(): ProcessEndRecord | null {
    const { pid } = this;
    if (pid === 0 || this.#request === null) return null;
    const isWhole = this.#answer!.isWhole;
    const { code, signal } = this.#exit ?? unseenExit;
    // The exit status means nothing where there was an answer.
    const reason = this.#reason ?? (signal !== null || (code !== 0 && !isWhole) ? 'crash' : null);
    if (reason === null) return null;
    const { method, url } = this.#request;
    const atMs = this.#parts.clock.now();
    const ran = { method, url, ranMs: atMs - this.#startedAtMs, isCause: !isWhole };
    return { atMs, pid, generation: 1, reason, ending: endingWords(this.#exit), ...ran };
  }

  #tellLateErrors(): void {
    const late = this.#answer?.errors.late ?? '';
    if (late === '') return;
    const { name, log } = this.#parts;
    const fields = { pool: name, pid: this.pid, stderr: bytesToLog(late, MAX_KEPT_ERRORS) };
    log.warn(fields, `${this.#path} wrote to STDERR after its answer had ended`);
  }

  #signalGroup(signal: NodeJS.Signals): void {
    this.#child?.signalGroup(signal);
  }

  #move(to: RunState): void {
    if (!runMoves[this.#state].includes(to)) {
      throw new PosternError('INTERNAL', `a CGI run cannot go from ${this.#state} to ${to}`);
    }
    this.#state = to;
  }
}
