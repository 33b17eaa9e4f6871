// One request on its way through the phases: requestInit, handler, answer, requestShutdown.
//
//   init ──► handling ──► answering ──► shutdown ──► over
//     │          │            │            ▲
//     └──────────┴────────────┴────────────┘   threw, client gone, out of time
//
// What can be done without waiting is done without a promise, so that a small answer leaves in the tick its request came in.

import { PosternError, toPosternError } from '../errors.ts';
import type { CgiRequest, CgiSink, Environment, Exchange, Role } from '../protocol/cgi/exchange.ts';
import { Answer } from './answer-writer.ts';
import { type Call, Grant } from './application.ts';
import type { RequestHost } from './lazy-request.ts';
import { discardReply } from './lazy-response.ts';
import type { Context, Mode, Module, Outcome } from './life-cycle.ts';
import { isThenable, RequestModules, type RequestModulesHost, type RequestModulesOwner } from './request-modules.ts';
import { callHandler } from './roles.ts';

/** What all requests of a thread share. */
export interface CycleHost extends RequestModulesHost {
  readonly mode: Mode;
  readonly thread: number;
  /** Whether a module of the application has a requestInit or a requestShutdown. */
  readonly hasRequestPhases: boolean;
  readonly maxBodyBytes: number;
  readonly onOver: (cycle: Cycle) => void;
}

type Stage = 'init' | 'handling' | 'answering' | 'shutdown' | 'over';

/** Limits on one request's waits, in milliseconds; 0: none. */
export interface CycleLimits {
  readonly requestTimeoutMs: number;
  readonly graceMs: number;
}

/** One request. */
export class Cycle implements Context, Exchange, Call, RequestHost, RequestModulesOwner {
  readonly #host: CycleHost;
  readonly #request: CgiRequest;
  readonly #answer: Answer;
  readonly #startedAtMs: number;
  #stage: Stage = 'init';
  #outcome: Outcome | null = null;
  /** When the client left or the time was over, so that a handler which takes no notice is not waited for for ever. */
  #stoppedAtMs = 0;
  #controller: AbortController | null = null;
  /** null where no module has anything to do for a request. */
  readonly #modules: RequestModules | null;
  #failure: PosternError | null = null;

  constructor(host: CycleHost, request: CgiRequest, sink: CgiSink) {
    this.#host = host;
    this.#request = request;
    this.#answer = new Answer(sink, request.method);
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
      if (this.#stoppedAtMs > 0) this.#controller.abort(this.#failure);
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
    if (this.#stage === 'handling' || this.#stage === 'answering') this.#complete('answered', null);
  }

  // Exchange

  resume(): void {
    this.#answer.resume();
  }

  abort(): void {
    if (this.#stage === 'over') return;
    this.#answer.abandon();
    this.#stop('aborted', new PosternError('ABORTED', 'the client went away'));
  }

  // The life cycle

  /** Takes the request through its phases. */
  start(): void {
    if (this.#modules) this.#modules.init();
    else this.#handle();
  }

  /** Ends the waits that took too long. To be called now and then. */
  check(now: number, { requestTimeoutMs, graceMs }: CycleLimits): void {
    const stage = this.#stage;
    if (stage === 'shutdown') {
      this.#modules?.checkShutdown(now, graceMs);
    } else if (this.#stoppedAtMs > 0) {
      if (now - this.#stoppedAtMs > graceMs) this.#complete(this.#outcome!, this.#failure);
    } else if (!this.#answer.hasHead && requestTimeoutMs > 0 && now - this.#startedAtMs > requestTimeoutMs) {
      const late = new PosternError('ANSWER_TIMEOUT', `the application gave no answer within ${requestTimeoutMs} ms`);
      this.report(late);
      this.#answerError(late);
      this.#stop('timeout', late);
    }
  }

  /** See RequestModulesOwner. */
  initialised(): void {
    if (this.#stoppedAtMs > 0) this.#complete(this.#outcome!, this.#failure);
    else this.#handle();
  }

  #handle(): void {
    this.#stage = 'handling';
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
    if (this.#stage !== 'handling' || this.#stoppedAtMs > 0) discardReply(answer);
    if (this.#stage !== 'handling') return;
    if (this.#stoppedAtMs > 0) {
      this.#complete(this.#outcome!, this.#failure);
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
    this.#stage = 'answering';
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
    if (this.#stage === 'shutdown' || this.#stage === 'over') return;
    // Who was told to stop may do so by throwing.
    if (this.#stoppedAtMs === 0) {
      this.report(thrown);
      this.#answerError(toPosternError(thrown));
    }
    this.#complete('failed', this.#failure);
  }

  /** Answers an error where nothing of the answer has left; where it has, the request will end as broken. */
  #answerError(error: PosternError): void {
    if (this.#answer.hasHead) this.#failure = error;
    else this.#answer.error(error);
  }

  /** The request is not wanted any more: everybody who waits is told. */
  #stop(outcome: Outcome, error: PosternError): void {
    if (this.#stoppedAtMs > 0 || this.#stage === 'shutdown') return;
    this.#outcome = outcome;
    this.#stoppedAtMs = Math.max(this.#host.now(), Number.MIN_VALUE);
    if (outcome === 'aborted') this.#failure = error;
    // A client should not wait for a handler that takes no notice, nor for what is shut down after it.
    else if (this.#failure === null) this.#answer.end(null);
    this.#controller?.abort(error);
    this.#answer.release(error);
  }

  /** The handler and its answer are done with. A request that was stopped ends as what it was stopped for. */
  #complete(outcome: Outcome, failure: PosternError | null): void {
    if (this.#stage === 'shutdown' || this.#stage === 'over') return;
    if (this.#stoppedAtMs === 0) {
      this.#outcome = outcome;
      this.#failure = failure;
    }
    this.#stage = 'shutdown';
    if (this.#modules) this.#modules.shutdown();
    else this.close();
  }

  /** See RequestModulesOwner. */
  close(): void {
    this.#stage = 'over';
    this.#answer.end(this.#failure);
    this.#host.onOver(this);
  }

  /** See RequestModulesOwner. */
  report(thrown: unknown): void {
    this.log(thrown instanceof Error ? (thrown.stack ?? String(thrown)) : String(thrown));
  }

  #indexOf(module: { readonly name: string }): number {
    const index = this.#host.app.modules.indexOf(module as Module);
    if (index < 0) throw new TypeError(`module "${module.name}" is not among the application's modules`);
    return index;
  }
}
