// One request on its way through the phases: requestInit, handler, answer, requestShutdown.
//
//   init ──► handling ──► answering ──► shutdown ──► over      shutdown from everywhere: it threw
//     │          │            │            ▲
//     └──────────┴────────────┴─► stopped ─┘                   stopped: client gone, or out of time
//
// What can be done without waiting is done without a promise, so that a small answer leaves in the tick its request came in.

import { PosternError, toPosternError } from '../errors.ts';
import type { CgiRequest, CgiSink, Environment, Exchange, Role } from '../protocol/cgi/exchange.ts';
import { AnswerWriter } from './answer-writer.ts';
import type { AppLimits } from './app-options.ts';
import { type Call, callHandler, Grant } from './application.ts';
import type { RequestHost } from './lazy-request.ts';
import { discardReply } from './lazy-response.ts';
import type { Context, Mode, Module, Outcome } from './life-cycle.ts';
import { isThenable, RequestModules, type RequestModulesHost, type RequestModulesOwner } from './phases.ts';

/** What all requests of a thread share. */
export interface CycleHost extends RequestModulesHost {
  readonly mode: Mode;
  readonly thread: number;
  /** Whether a module of the application has a requestInit or a requestShutdown. */
  readonly hasRequestPhases: boolean;
  readonly maxBodyBytes: number;
  readonly onOver: (cycle: Cycle) => void;
}

/** Where a request stands; `stopped`: nobody wants it any more, but its handler goes on. Why it ended is its outcome. */
type CycleState = 'init' | 'handling' | 'answering' | 'stopped' | 'shutdown' | 'over';

const moves: Readonly<Record<CycleState, readonly CycleState[]>> = {
  init: ['handling', 'stopped', 'shutdown'],
  handling: ['answering', 'stopped', 'shutdown'],
  answering: ['stopped', 'shutdown'],
  stopped: ['shutdown'],
  shutdown: ['over'],
  over: [],
};

/** One request. */
export class Cycle implements Context, Exchange, Call, RequestHost, RequestModulesOwner {
  readonly #host: CycleHost;
  readonly #request: CgiRequest;
  readonly #answer: AnswerWriter;
  readonly #startedAtMs: number;
  #state: CycleState = 'init';
  #outcome: Outcome | null = null;
  /** When it was stopped, so that a handler which takes no notice is not waited for for ever. */
  #stoppedAtMs = 0;
  #controller: AbortController | null = null;
  /** null where no module has anything to do for a request. */
  readonly #modules: RequestModules | null;
  /** What was wrong with the answer, where a part of it had left. */
  #failure: PosternError | null = null;
  /** What its signal says. */
  #stopReason: PosternError | null = null;

  constructor(host: CycleHost, request: CgiRequest, sink: CgiSink) {
    this.#host = host;
    this.#request = request;
    this.#answer = new AnswerWriter(sink, request.method);
    this.#modules = host.hasRequestPhases ? new RequestModules(host, this) : null;
    this.#startedAtMs = host.now();
  }

  // Context

  get mode(): Mode {
    return this.#host.mode;
  }

  get role(): Role {
    return this.#request.role;
  }

  get thread(): number {
    return this.#host.thread;
  }

  get environment(): Environment {
    return this.#request.environment;
  }

  get maxBodyBytes(): number {
    return this.#host.maxBodyBytes;
  }

  get outcome(): Outcome | null {
    return this.#outcome;
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#stopReason !== null) this.#controller.abort(this.#stopReason);
    }
    return this.#controller.signal;
  }

  log(text: string): void {
    this.stderr(text.endsWith('\n') ? text : `${text}\n`);
  }

  get<Shared, Own, State>(module: Module<Shared, Own, State>): State {
    const index = this.#indexOf(module);
    return this.#modules?.state(index) as State;
  }

  own<Shared, Own, State>(module: Module<Shared, Own, State>): Own {
    return this.#host.own[this.#indexOf(module)] as Own;
  }

  // Call

  get method(): string {
    return this.#request.method;
  }

  get url(): string {
    return this.#request.url;
  }

  get body(): CgiRequest['body'] {
    return this.#request.body;
  }

  head(status: number, headers: readonly string[] = []): void {
    this.#answer.head(status, headers);
  }

  write(chunk: Uint8Array | string): boolean {
    return this.#answer.write(chunk);
  }

  drained(): Promise<void> {
    return this.#answer.drained();
  }

  flush(): void {
    this.#answer.flush();
  }

  stderr(chunk: Uint8Array | string): void {
    this.#answer.stderr(chunk);
  }

  end(): void {
    if (this.#state !== 'init') this.#complete('answered', null);
  }

  // Exchange

  resume(): void {
    this.#answer.resume();
  }

  abort(): void {
    if (this.#state === 'over') return;
    this.#answer.abandon();
    this.#stop('aborted', new PosternError('ABORTED', 'the client went away'));
  }

  /** Its time is over, and whoever asked was told so: it is stopped, and what it still says is thrown away. */
  dismiss(error: PosternError): void {
    this.#answer.abandon();
    this.#stop(error.code === 'ANSWER_TIMEOUT' ? 'timeout' : 'aborted', error);
  }

  // The life cycle

  /** Takes the request through its phases. */
  start(): void {
    if (this.#modules) this.#modules.init();
    else this.#handle();
  }

  /** Ends the waits that took too long. To be called now and then. */
  check(now: number, { requestTimeoutMs, graceMs }: AppLimits): void {
    if (this.#state === 'shutdown') {
      this.#modules?.checkShutdown(now, graceMs);
    } else if (this.#state === 'stopped') {
      if (now - this.#stoppedAtMs > graceMs) this.#shutdown();
    } else if (this.#answer.state === 'awaited' && requestTimeoutMs > 0 && now - this.#startedAtMs > requestTimeoutMs) {
      const late = new PosternError('ANSWER_TIMEOUT', `the application gave no answer within ${requestTimeoutMs} ms`);
      this.report(late);
      this.#answerError(late);
      this.#stop('timeout', late);
    }
  }

  /** See RequestModulesOwner. */
  initialised(): void {
    if (this.#state === 'stopped') this.#shutdown();
    else this.#handle();
  }

  #handle(): void {
    this.#move('handling');
    let answer: unknown;
    try {
      answer = callHandler(this.#host.app, this.#request, this);
    } catch (thrown) {
      this.failed(thrown);
      return;
    }
    if (isThenable(answer)) {
      answer.then(
        (value) => this.#take(value, true),
        (thrown: unknown) => this.failed(thrown),
      );
    } else {
      this.#take(answer, false);
    }
  }

  /** What the handler gave back. */
  #take(answer: unknown, isAwaited: boolean): void {
    if (this.#state === 'stopped') this.#shutdown();
    if (this.#state !== 'handling') {
      discardReply(answer);
    } else if (answer instanceof Response) {
      this.#respond(answer);
    } else if (answer instanceof Grant) {
      this.head(200, answer.headers);
      this.#complete('answered', null);
    } else if (answer === undefined && this.#host.app.respond && this.role === 'responder') {
      if (isAwaited) this.end();
    } else {
      this.failed(new TypeError(`the handler returned ${String(answer)} where a Response is wanted`));
    }
  }

  #respond(response: Response): void {
    this.#move('answering');
    try {
      const streaming = this.#answer.respond(response);
      if (streaming === null) this.#complete('answered', null);
      else {
        streaming.then(
          () => this.#complete('answered', null),
          (thrown: unknown) => this.failed(thrown),
        );
      }
    } catch (thrown) {
      this.failed(thrown);
    }
  }

  /** The handler, or a requestInit, threw, or its answer cannot be sent. */
  failed(thrown: unknown): void {
    // Who was told to stop may do so by throwing.
    if (this.#isWanted) {
      this.report(thrown);
      this.#answerError(toPosternError(thrown));
    }
    this.#complete('failed', this.#failure);
  }

  /** Answers an error where nothing of the answer has left; where it has, the request will end as broken. */
  #answerError(error: PosternError): void {
    if (this.#answer.state === 'awaited') this.#answer.error(error);
    else this.#failure = error;
  }

  /** The request is not wanted any more: everybody who waits is told. */
  #stop(outcome: Outcome, error: PosternError): void {
    if (!this.#isWanted) return;
    this.#move('stopped');
    this.#outcome = outcome;
    this.#stopReason = error;
    this.#stoppedAtMs = this.#host.now();
    if (outcome === 'aborted') this.#failure = error;
    // A client should not wait for a handler that takes no notice, nor for what is shut down after it.
    else if (this.#failure === null) this.#answer.end(null);
    this.#controller?.abort(error);
    this.#answer.release(error);
  }

  /** The handler and its answer are done with. A request that was stopped ends as what it was stopped for. */
  #complete(outcome: Outcome, failure: PosternError | null): void {
    if (this.#state === 'shutdown' || this.#state === 'over') return;
    if (this.#state !== 'stopped') {
      this.#outcome = outcome;
      this.#failure = failure;
    }
    this.#shutdown();
  }

  #shutdown(): void {
    this.#move('shutdown');
    if (this.#modules) this.#modules.shutdown();
    else this.close();
  }

  /** See RequestModulesOwner. */
  close(): void {
    this.#move('over');
    this.#answer.end(this.#failure);
    this.#host.onOver(this);
  }

  /** See RequestModulesOwner. */
  report(thrown: unknown): void {
    this.log(thrown instanceof Error ? (thrown.stack ?? String(thrown)) : String(thrown));
  }

  /** Whether it is on its way to an answer, and somebody wants that. */
  get #isWanted(): boolean {
    return this.#state === 'init' || this.#state === 'handling' || this.#state === 'answering';
  }

  #move(to: CycleState): void {
    if (!moves[this.#state].includes(to)) throw new Error(`a request cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }

  #indexOf(module: { readonly name: string }): number {
    const index = this.#host.app.modules.indexOf(module as Module);
    if (index < 0) throw new TypeError(`module "${module.name}" is not among the application's modules`);
    return index;
  }
}
