// One run of a CGI program: from its turn to the end of its process.
//
//   waiting -> running -> ending -> over      `ending`: the answer's fate is settled, the process is not gone yet

import type { ChildProcess } from 'node:child_process';
import { dirname } from 'node:path';
import type { Timer } from '../clock.ts';
import { PosternError, toPosternError } from '../errors.ts';
import type { CgiHead, CgiRequest, CgiSink, Exchange } from '../protocol/cgi/exchange.ts';
import { CgiOutput } from '../protocol/cgi/output.ts';
import { type Exit, formatExit } from '../worker/exit.ts';
import { sendSignal } from '../worker/process-table.ts';
import { stopProcess } from '../worker/stop.ts';
import type { CgiBackendOptions } from './cgi-backend.ts';
import { cgiVariables, exitedAtStart, startError, textOf } from './cgi-program.ts';

/** How a request ended, for the counters. */
export type CgiOutcome = 'finished' | 'failed' | 'aborted';

/** A request of a CGI pool; its `over` callback is called once, when no process of it is left. */
export class CgiRun implements Exchange {
  /** Ends the wait for its turn, then the run. */
  deadline: Timer | null = null;
  outcome: CgiOutcome = 'finished';
  readonly #request: CgiRequest;
  readonly #options: CgiBackendOptions;
  readonly #over: (run: CgiRun) => void;
  readonly #output: CgiOutput;
  readonly #path: string;
  #state: 'waiting' | 'running' | 'ending' | 'over' = 'waiting';
  /** null once it was told the end, or wants to hear no more. */
  #sink: CgiSink | null;
  #child: ChildProcess | null = null;
  #kill: Timer | null = null;
  #flush: NodeJS.Immediate | null = null;
  #exit: Exit | null = null;
  #isOutputOver = false;
  /** Bytes of the body still to come by the program's own Content-Length; null: it gave none. */
  #bodyLeft: number | null = null;
  /** What it first wrote to STDERR, for the reason of a failed start. */
  #firstErrors = '';

  constructor(request: CgiRequest, sink: CgiSink, options: CgiBackendOptions, over: (run: CgiRun) => void) {
    this.#request = request;
    this.#sink = sink;
    this.#options = options;
    this.#over = over;
    this.#path = textOf(request.environment.SCRIPT_FILENAME ?? '');
    this.#output = new CgiOutput({ head: (head) => this.#head(head), write: (chunk) => this.#write(chunk) });
  }

  /** Its turn has come. */
  start(): void {
    const { launcher, env, user, clock, limits } = this.#options;
    this.#state = 'running';
    let child: ChildProcess;
    try {
      // The script alone: no part of a request becomes an argument.
      const command = [this.#path];
      const variables = cgiVariables(env, this.#request.environment);
      child = launcher.launchPiped({ command, cwd: dirname(this.#path), env: variables, user });
    } catch (error) {
      this.#fail(startError(this.#path, toPosternError(error)));
      this.#gone();
      return;
    }
    this.#child = child;
    this.deadline = limits.requestTimeoutMs > 0 ? clock.after(limits.requestTimeoutMs, () => this.#tooLate()) : null;
    child.on('error', (error) => this.#neverStarted(error));
    child.on('exit', (code, signal) => this.#exited({ code, signal }));
    child.stdout!.on('data', (chunk: Buffer) => this.#read(chunk));
    child.stdout!.on('close', () => this.#outputOver());
    child.stderr!.on('data', (chunk: Buffer) => this.#errors(chunk));
    // Left unread, or closed by its end: what was to be said of that comes with its exit.
    for (const stream of [child.stdout!, child.stderr!]) stream.on('error', () => {});
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

  /** The client left: the program is ended. */
  abort(): void {
    if (this.#state === 'ending' || this.#state === 'over') return;
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
    if (this.#state === 'ending' && this.#child?.pid !== undefined) sendSignal(-this.#child.pid, 'SIGKILL');
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
    if (this.#state !== 'running') return;
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

  #head(head: CgiHead): void {
    const at = head.headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'content-length');
    this.#bodyLeft = at < 0 ? null : Number(head.headers[at + 1]);
    this.#sink?.head(head);
  }

  #write(chunk: Uint8Array): boolean {
    if (this.#bodyLeft !== null) this.#bodyLeft -= chunk.length;
    return this.#sink?.write(chunk) ?? true;
  }

  #errors(chunk: Buffer): void {
    if (this.#firstErrors.length < 1000) this.#firstErrors += chunk.toString('latin1', 0, 1000);
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
    if (this.#state === 'ending') this.#gone();
    else if (this.#isOutputOver) this.#ended(exit);
    // Else what it wrote is still on its way, or something it started writes on.
  }

  #outputOver(): void {
    this.#isOutputOver = true;
    if (this.#exit !== null && this.#state === 'running') this.#ended(this.#exit);
  }

  /** The program has written all and is gone: was that an answer? */
  #ended(exit: Exit): void {
    const isWhole = exit.code === 0 || (this.#bodyLeft !== null && this.#bodyLeft <= 0);
    if (this.#output.isInBody && isWhole) this.#finish();
    else if (exit.code === 0 && !this.#output.isInBody) this.#endOutput();
    else this.#fail(exitedAtStart(this.#path, exit, this.#firstErrors) ?? this.#truncated(exit));
    this.#gone();
  }

  /** Nothing came, or no header: the parser knows the words for it. */
  #endOutput(): void {
    try {
      this.#output.end();
    } catch (error) {
      this.#fail(toPosternError(error));
    }
  }

  #truncated(exit: Exit): PosternError {
    const where = this.#output.isInBody ? 'in its answer' : 'before its header was complete';
    const message = `${this.#path} ended ${where} (${formatExit(exit)}): a whole answer ends with exit 0`;
    return new PosternError('ANSWER_TRUNCATED', message, { fields: { pid: this.#child?.pid, url: this.#request.url } });
  }

  #tooLate(): void {
    const { requestTimeoutMs } = this.#options.limits;
    const message = `${this.#path} took more than ${requestTimeoutMs} ms and was ended: make it faster, or raise requestTimeout`;
    this.kill(
      new PosternError('ANSWER_TIMEOUT', message, { fields: { pid: this.#child?.pid, url: this.#request.url } }),
    );
  }

  #finish(): void {
    const sink = this.#sink;
    this.#sink = null;
    sink?.end();
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
    if (pid === undefined || this.#exit !== null) {
      if (pid !== undefined) sendSignal(-pid, 'SIGKILL');
      this.#gone();
      return;
    }
    this.#state = 'ending';
    const { clock, limits } = this.#options;
    this.#kill = stopProcess(-pid, { graceMs: limits.stopTimeoutMs, clock });
  }

  #gone(): void {
    if (this.#state === 'over') return;
    // What it started and left behind goes with a program that was ended; after an end of its own it may go on.
    if (this.#state === 'ending' && this.#child?.pid !== undefined) sendSignal(-this.#child.pid, 'SIGKILL');
    this.#state = 'over';
    this.deadline?.cancel();
    this.#kill?.cancel();
    if (this.#flush !== null) clearImmediate(this.#flush);
    for (const stream of this.#child?.stdio ?? []) stream?.destroy();
    this.#over(this);
  }
}
