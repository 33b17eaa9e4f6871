// One run of a CGI program: from its turn to the end of its process.
//
//   waiting -> running -> exiting -> over     exiting: its output has ended, its process is about to
//                      -> left -> over        left: its process is gone, what it started still writes
//                      -> answered -> over    answered: its answer is complete, its process works on
//                      -> ending -> over      ending: it failed or nobody wants it: its process was told to leave
//
// How the answer ends (RFC 3875 gives the exit status no meaning):
// 1. When the output has ended and the process lives on, or exits, with whatever status: whole.
// 2. When a signal ended the process before its output had ended: whole if its own framing says so, else cut.
// 3. At a time limit, or when the upload breaks: cut.

import type { ChildProcess } from 'node:child_process';
import type { Timer } from '../clock.ts';
import { PosternError, toPosternError } from '../errors.ts';
import type { CgiHead, CgiRequest, CgiSink, Exchange } from '../protocol/cgi/exchange.ts';
import { CgiOutput } from '../protocol/cgi/output.ts';
import { bytesToLog } from '../protocol/text.ts';
import { type Exit, formatExit } from '../worker/exit.ts';
import { readProcessStat, sendSignal } from '../worker/process-table.ts';
import { stopProcess } from '../worker/stop.ts';
import type { CgiBackendOptions } from './cgi-backend.ts';
import { exitedAtStart, launchProgram, startError } from './cgi-program.ts';

/** How a request ended, for the counters. */
export type CgiOutcome = 'finished' | 'failed' | 'aborted';

type RunState = 'waiting' | 'running' | 'left' | 'exiting' | 'answered' | 'ending' | 'over';

/** The moves that are allowed; all others are a bug. */
const runMoves: Readonly<Record<RunState, readonly RunState[]>> = {
  waiting: ['running', 'over'],
  running: ['left', 'exiting', 'answered', 'ending', 'over'],
  left: ['over'],
  exiting: ['answered', 'ending', 'over'],
  answered: ['ending', 'over'],
  ending: ['over'],
  over: [],
};

/** How long the end of a process is waited for after that of its output, where the system does not tell whether it is near. */
const EXIT_GRACE_MS = 100;
const MAX_SHOWN_PATH = 1000;
/** How much of what a program first wrote to STDERR is kept, for the reason of a failed start. */
const MAX_FIRST_ERRORS = 1000;

/** A request of a CGI pool; its `over` callback is called once, when no process of it is left. */
export class CgiRun implements Exchange {
  /** Ends the wait for its turn, then the run. */
  deadline: Timer | null = null;
  outcome: CgiOutcome = 'finished';
  readonly #request: CgiRequest;
  readonly #options: CgiBackendOptions;
  readonly #over: (run: CgiRun) => void;
  readonly #output: CgiOutput;
  /** As logs show it. */
  readonly #path: string;
  #state: RunState = 'waiting';
  /** null once it was told the end, or wants to hear no more. */
  #sink: CgiSink | null;
  #child: ChildProcess | null = null;
  /** SIGKILL after a grace, or the end of a wait for the process's exit. */
  #grace: Timer | null = null;
  #flush: NodeJS.Immediate | null = null;
  #exit: Exit | null = null;
  #firstErrors = '';

  constructor(request: CgiRequest, sink: CgiSink, options: CgiBackendOptions, over: (run: CgiRun) => void) {
    this.#request = request;
    this.#sink = sink;
    this.#options = options;
    this.#over = over;
    this.#path = bytesToLog(request.environment.SCRIPT_FILENAME ?? '', MAX_SHOWN_PATH);
    this.#output = new CgiOutput({
      head: (head: CgiHead) => this.#sink?.head(head),
      write: (chunk) => this.#sink?.write(chunk) ?? true,
    });
  }

  /** Its turn has come. */
  start(): void {
    const { launcher, env, user, clock, limits } = this.#options;
    this.#move('running');
    let child: ChildProcess;
    try {
      child = launchProgram(launcher, { environment: this.#request.environment, configured: env, user });
    } catch (error) {
      this.#fail(startError(this.#path, toPosternError(error)));
      this.#gone();
      return;
    }
    this.#child = child;
    child.on('error', (error) => this.#neverStarted(error));
    child.on('exit', (code, signal) => this.#exited({ code, signal }));
    // Without descriptors there is not even a stream; 'error' tells it.
    if (!child.stdin || !child.stdout || !child.stderr) return;
    this.deadline = limits.requestTimeoutMs > 0 ? clock.after(limits.requestTimeoutMs, () => this.#tooLate()) : null;
    child.stdout.on('data', (chunk: Buffer) => this.#read(chunk));
    child.stdout.on('close', () => this.#outputOver());
    child.stderr.on('data', (chunk: Buffer) => this.#errors(chunk));
    // Left unread, or closed by its end: what was to be said of that comes with its exit.
    for (const stream of [child.stdout, child.stderr]) stream.on('error', () => {});
    this.#sendBody(child);
  }

  /** It will not have its turn. */
  refuse(error: PosternError): void {
    this.#fail(error);
    this.#gone();
  }

  resume(): void {
    this.#child?.stdout?.resume();
  }

  /** The client left: the program is ended, unless its answer is complete. */
  abort(): void {
    if (this.#sink === null) return;
    this.#sink = null;
    this.outcome = 'aborted';
    this.#end();
  }

  /** Ends the program; its request fails. */
  kill(error: PosternError): void {
    this.#fail(error);
    this.#end();
  }

  /** Ends the program at once, also one that was asked to leave before; its request fails. */
  destroy(error: PosternError): void {
    this.kill(error);
    if (this.#state === 'ending') this.#signalGroup('SIGKILL');
  }

  #sendBody({ stdin }: ChildProcess): void {
    // A program need not read its body: a broken pipe is none of our business.
    stdin!.on('error', () => {});
    const { body } = this.#request;
    if (body === null) {
      stdin!.end();
    } else if (body.bytes !== null) {
      stdin!.end(body.bytes);
    } else {
      const stream = body.stream();
      // Before the end of stdin was sent, so that the program never takes half an upload for a whole one.
      stream.on('error', (error) => this.kill(toPosternError(error)));
      stdin!.on('close', () => stream.destroy());
      stream.pipe(stdin!);
    }
  }

  #read(chunk: Buffer): void {
    if (this.#state !== 'running' && this.#state !== 'left') return;
    try {
      if (!this.#output.push(chunk)) this.#child!.stdout!.pause();
    } catch (error) {
      this.kill(toPosternError(error));
      return;
    }
    this.#flush ??= setImmediate(() => {
      this.#flush = null;
      this.#sink?.flush();
    });
  }

  #errors(chunk: Buffer): void {
    if (this.#firstErrors.length < MAX_FIRST_ERRORS) {
      this.#firstErrors += chunk.toString('latin1', 0, MAX_FIRST_ERRORS);
    }
    this.#sink?.stderr(chunk);
  }

  #neverStarted(error: Error): void {
    // 'error' also comes when a signal could not be sent; that one has a pid.
    if (this.#child?.pid !== undefined) return;
    this.#fail(startError(this.#path, error));
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
    const stat = readProcessStat(this.#child!.pid!);
    if (stat !== null && !stat.isZombie && !stat.isEnding) this.#worksOn();
    else if (stat === null) this.#grace = this.#options.clock.after(EXIT_GRACE_MS, () => this.#worksOn());
  }

  /** It closed its output itself: the answer ends here. Its turn ends with its process. */
  #worksOn(): void {
    if (this.#state !== 'exiting') return;
    this.#move('answered');
    this.#finish(null);
  }

  /** The program has written all and is gone: was that an answer? */
  #ended(exit: Exit): void {
    const isCut = exit.signal !== null && !this.#output.isKnownWhole;
    if (isCut) this.#fail(this.#truncated(exit));
    else this.#finish(exit);
    this.#gone();
  }

  #finish(exit: Exit | null): void {
    try {
      const notStarted = this.#output.isInBody || exit === null ? null : this.#endedBeforeBody(exit);
      if (notStarted !== null) throw notStarted;
      this.#output.end();
    } catch (error) {
      this.#fail(toPosternError(error));
      return;
    }
    const sink = this.#sink;
    this.#sink = null;
    sink?.end();
  }

  /** null: the parser knows the words for what came. */
  #endedBeforeBody(exit: Exit): PosternError | null {
    return exitedAtStart(this.#path, exit, this.#firstErrors) ?? (exit.code === 0 ? null : this.#truncated(exit));
  }

  #truncated(exit: Exit): PosternError {
    const where = this.#output.isInBody ? 'in its answer' : 'before its header was complete';
    const message = `${this.#path} ended ${where} (${formatExit(exit)}): see what it wrote to STDERR`;
    return new PosternError('ANSWER_TRUNCATED', message, { fields: { pid: this.#child?.pid, url: this.#request.url } });
  }

  #tooLate(): void {
    const { requestTimeoutMs } = this.#options.limits;
    const message = `${this.#path} took more than ${requestTimeoutMs} ms and was ended: make it faster, or raise requestTimeout`;
    this.kill(
      new PosternError('ANSWER_TIMEOUT', message, { fields: { pid: this.#child?.pid, url: this.#request.url } }),
    );
  }

  #fail(error: PosternError): void {
    const sink = this.#sink;
    this.#sink = null;
    if (sink === null) return;
    this.outcome = 'failed';
    sink.fail(error);
  }

  /** Ends the program's process group; it is over when the program is gone. */
  #end(): void {
    if (this.#state === 'ending' || this.#state === 'over') return;
    const pid = this.#child?.pid;
    if (pid === undefined || this.#state === 'left') {
      this.#signalGroup('SIGKILL');
      this.#gone();
      return;
    }
    this.#move('ending');
    const { clock, limits } = this.#options;
    this.#grace?.cancel();
    this.#grace = stopProcess(-pid, { graceMs: limits.stopTimeoutMs, clock });
  }

  #gone(): void {
    if (this.#state === 'over') return;
    // What it started and left behind goes with a program that was ended; after an end of its own it may go on.
    if (this.#state === 'ending') this.#signalGroup('SIGKILL');
    this.#move('over');
    this.deadline?.cancel();
    this.#grace?.cancel();
    if (this.#flush !== null) clearImmediate(this.#flush);
    for (const stream of this.#child?.stdio ?? []) stream?.destroy();
    this.#over(this);
  }

  #signalGroup(signal: NodeJS.Signals): void {
    if (this.#child?.pid !== undefined) sendSignal(-this.#child.pid, signal);
  }

  #move(to: RunState): void {
    if (!runMoves[this.#state].includes(to)) {
      throw new PosternError('INTERNAL', `a CGI run cannot go from ${this.#state} to ${to}`);
    }
    this.#state = to;
  }
}
