// Hands requests on to an HTTP server, by undici: connections are kept, and answers come with back-pressure.

import type { Dispatcher, Pool } from 'undici';
import { PosternError, toPosternError } from '../errors.ts';
import { answeredFields } from '../protocol/http/proxy-fields.ts';
import type { ProxyOptions } from '../rules/rule.ts';
import type { Producer, Reply } from './reply.ts';
import type { HeldBody } from './request-body.ts';

/** A request that goes on. Byte strings. */
export interface ProxiedRequest {
  readonly method: string;
  /** Target in origin form. */
  readonly target: string;
  /** Name, value, name, value; without what frames the body. */
  readonly headers: readonly string[];
  readonly body: HeldBody | null;
  readonly idempotent: boolean;
}

/** Connections to one server; more requests wait for one of them. */
const MAX_CONNECTIONS = 512;
/** A kept connection that the server has closed meanwhile is found when it is written to: so often another is tried. */
const MAX_ATTEMPTS = 3;

/** One server. It is closed by nobody: its idle connections end by themselves, and keep no process alive. */
export class HttpProxy {
  readonly options: ProxyOptions;
  #pool: Pool | null = null;
  #loading: Promise<Pool> | null = null;

  constructor(options: ProxyOptions) {
    this.options = options;
  }

  /** Asks the server; its answer goes to the reply. Never throws. */
  forward(reply: Reply, request: ProxiedRequest): ProxiedAnswer {
    const answer = new ProxiedAnswer(this, reply, request);
    reply.producer = answer;
    answer.begin();
    return answer;
  }

  /** The connections. undici is loaded when it is first needed: few sites do. */
  get pool(): Pool | Promise<Pool> {
    if (this.#pool !== null) return this.#pool;
    this.#loading ??= import('undici').then((undici) => {
      const { url, connectTimeoutMs, readTimeoutMs } = this.options;
      const file = /^unix:(.*)$/.exec(url)?.[1];
      this.#pool = new undici.Pool(file === undefined ? url : 'http://localhost', {
        connections: MAX_CONNECTIONS,
        connect: { timeout: connectTimeoutMs, ...(file !== undefined && { socketPath: file }) },
        headersTimeout: readTimeoutMs,
        bodyTimeout: readTimeoutMs,
      });
      return this.#pool;
    });
    return this.#loading;
  }
}

type State = 'waiting' | 'answering' | 'over';

const moves: Readonly<Record<State, readonly State[]>> = {
  waiting: ['answering', 'over'],
  answering: ['over'],
  over: [],
};

/** The answer to one request. */
export class ProxiedAnswer implements Producer, Dispatcher.DispatchHandler {
  readonly #proxy: HttpProxy;
  readonly #reply: Reply;
  readonly #request: ProxiedRequest;
  #controller: Dispatcher.DispatchController | null = null;
  #state: State = 'waiting';
  #attempts = 0;

  constructor(proxy: HttpProxy, reply: Reply, request: ProxiedRequest) {
    this.#proxy = proxy;
    this.#reply = reply;
    this.#request = request;
  }

  begin(): void {
    const { pool } = this.#proxy;
    if (pool instanceof Promise) pool.then((one) => this.#dispatch(one)).catch((error: unknown) => this.#fail(error));
    else this.#dispatch(pool);
  }

  resume(): void {
    this.#controller?.resume();
  }

  abort(): void {
    if (this.#state === 'over') return;
    this.#move('over');
    this.#controller?.abort(new PosternError('ABORTED', 'the client has gone'));
    this.#request.body?.close();
  }

  #dispatch(pool: Pool): void {
    if (this.#state === 'over') return;
    this.#attempts += 1;
    const { method, target, headers, body } = this.#request;
    try {
      pool.dispatch(
        {
          path: target,
          method: method as Dispatcher.HttpMethod,
          headers: body?.length == null ? [...headers] : [...headers, 'Content-Length', String(body.length)],
          body: body === null ? null : (body.bytes ?? body.stream()),
        },
        this,
      );
    } catch (error) {
      this.#fail(error);
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#state === 'over') controller.abort(new PosternError('ABORTED', 'the client has gone'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, reason = ''): void {
    const fields = answeredFields(rawFields(controller.rawHeaders));
    if (status < 200) {
      this.#reply.inform(status, fields);
      return;
    }
    this.#move('answering');
    this.#reply.head(status, fields, { reason: /^[\t\x20-\x7e\x80-\xff]*$/.test(reason) ? reason : '' });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#reply.write(chunk)) controller.pause();
    this.#reply.flush();
  }

  onResponseEnd(): void {
    if (this.#state === 'over') return;
    this.#move('over');
    this.#request.body?.close();
    this.#reply.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.#fail(error);
  }

  #fail(thrown: unknown): void {
    if (this.#state === 'over') return;
    const { body, idempotent } = this.#request;
    const isLost = codeOf(thrown) === 'UND_ERR_SOCKET' || codeOf(thrown) === 'ECONNRESET' || codeOf(thrown) === 'EPIPE';
    const mayRepeat = idempotent && (body === null || body.replayable);
    if (this.#state === 'waiting' && isLost && mayRepeat && this.#attempts < MAX_ATTEMPTS) {
      this.begin();
      return;
    }
    this.#move('over');
    body?.close();
    this.#reply.fail(this.#errorOf(thrown));
  }

  #errorOf(thrown: unknown): PosternError {
    if (thrown instanceof PosternError) return thrown;
    const { url, readTimeoutMs, connectTimeoutMs } = this.#proxy.options;
    const code = codeOf(thrown);
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    const cause = { cause: thrown };
    if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT')
      return new PosternError('ANSWER_TIMEOUT', `${url} was silent for ${readTimeoutMs} ms: see readTimeout`, cause);
    if (code === 'UND_ERR_CONNECT_TIMEOUT')
      return new PosternError(
        'CONNECT_FAILED',
        `${url} did not take a connection within ${connectTimeoutMs} ms`,
        cause,
      );
    if (/^(?:ECONNREFUSED|ENOENT|EACCES|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)$/.test(code))
      return new PosternError('CONNECT_FAILED', `${url} could not be reached (${code}): is the server running?`, cause);
    if (code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE')
      return new PosternError('CONNECTION_LOST', `${url} closed the connection before its answer was complete`, cause);
    if (code.startsWith('HPE_') || code.startsWith('UND_ERR_'))
      return new PosternError('PROTOCOL_ERROR', `${url} gave an answer that is no HTTP: ${why}`, cause);
    return toPosternError(thrown);
  }

  #move(to: State): void {
    if (!moves[this.#state].includes(to)) throw new Error(`an answer cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}

/** The code of a failure, or of the first of several: a name may have several addresses. */
function codeOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.errors.length > 0) return codeOf(thrown.errors[0]);
  const { code, name } = (thrown ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  if (name === 'HTTPParserError') return 'HPE_INVALID';
  return typeof code === 'string' ? code : '';
}

/** Fields as they came: name, value, name, value. */
function rawFields(headers: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(headers)) return [];
  return headers.map((one) => (typeof one === 'string' ? one : one.toString('latin1')));
}
