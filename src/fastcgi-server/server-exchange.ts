// One request on the application side of a FastCGI connection: what came of it, and the sink for its answer.
//
//   params -> ready -> running -> ending -> over        each may go to over

import { errorTable, type PosternError } from '../errors.ts';
import { formatHead } from '../protocol/cgi/answer-head.ts';
import type { CgiHead, CgiRequest, CgiSink, Environment, Exchange, Role } from '../protocol/cgi/exchange.ts';
import { isIdempotent } from '../protocol/cgi/exchange.ts';
import { NameValueReader } from '../protocol/fastcgi/name-value-reader.ts';
import {
  type DATA,
  OVERLOADED,
  PARAMS,
  REQUEST_COMPLETE,
  STDERR,
  STDIN,
  STDOUT,
  UNKNOWN_ROLE,
} from '../protocol/fastcgi/record.ts';
import { type InputOwner, ServerInput } from './server-input.ts';
import type { ServerLimits } from './server-limits.ts';
import { type OutputOwner, type ServerOutput, TURN_BYTES } from './server-output.ts';

/**
 * Where a request stands. `params`: they are coming in; `ready`: they are complete, and what came with them is still looked at before the
 * handler is called; `running`: it was; `ending`: its answer has ended, and waits to leave; `over`: after the last byte of output.
 */
export type ServerExchangeState = 'params' | 'ready' | 'running' | 'ending' | 'over';

const moves: Readonly<Record<ServerExchangeState, readonly ServerExchangeState[]>> = {
  params: ['ready', 'running', 'over'],
  ready: ['running', 'over'],
  running: ['ending', 'over'],
  ending: ['over'],
  over: [],
};

/** STDERR that waits while the web server does not read. Nobody holds a handler back for what it writes there. */
const MAX_STDERR_BYTES = 65_536;

const noEnvironment: Environment = Object.freeze(Object.create(null) as Environment);

/** The connection of a request, as that sees it. */
export interface ExchangeConnection {
  readonly limits: ServerLimits;
  readonly options: { readonly saysOk: boolean };
  readonly reading: InputOwner;
  readonly output: ServerOutput;
  /** Whether so much output has to wait for its turn. */
  isCrowdedBy(bytes: number): boolean;
  /** All of its output was put. */
  finished(exchange: ServerExchange, appStatus: number, protocolStatus: number, hasStderr: boolean): void;
  /** Its answer broke off. */
  broken(exchange: ServerExchange): void;
}

/** Where a handler puts its answer. */
export interface ServerSink extends CgiSink {
  /** Bytes for the connection's peer that the system has not taken yet. */
  readonly unsentBytes: number;
}

/** A request and its sink in one object, so that a request costs one. */
export class ServerExchange implements CgiRequest, ServerSink, OutputOwner {
  readonly id: number;
  readonly role: Role;
  readonly #connection: ExchangeConnection;
  readonly #params: NameValueReader;
  readonly stdin: ServerInput;
  readonly dataInput: ServerInput | null;
  environment: Environment = noEnvironment;
  #state: ServerExchangeState = 'params';
  /** What the handler gave back; null before it was called. */
  #handle: Exchange | null = null;
  /** Output that waits for its turn. */
  readonly #queue: { readonly type: typeof STDOUT | typeof STDERR; bytes: Uint8Array }[] = [];
  #queuedStderrBytes = 0;
  #droppedStderrBytes = 0;
  /** Whether the handler was told to stop writing. */
  #isHeld = false;
  #hasHead = false;
  #hasStderr = false;
  #appStatus = 0;

  constructor(connection: ExchangeConnection, id: number, role: Role) {
    this.#connection = connection;
    this.id = id;
    this.role = role;
    this.#params = new NameValueReader(connection.limits.params);
    this.stdin = new ServerInput(connection.reading);
    this.dataInput = role === 'filter' ? new ServerInput(connection.reading) : null;
  }

  get state(): ServerExchangeState {
    return this.#state;
  }

  get method(): string {
    return this.environment.REQUEST_METHOD ?? 'GET';
  }

  get url(): string {
    const { REQUEST_URI, SCRIPT_NAME, PATH_INFO, QUERY_STRING } = this.environment;
    return REQUEST_URI ?? `${SCRIPT_NAME ?? ''}${PATH_INFO ?? ''}${QUERY_STRING ? `?${QUERY_STRING}` : ''}`;
  }

  get idempotent(): boolean {
    return isIdempotent(this.method);
  }

  /** null where STDIN was closed before a byte of it came. */
  get body(): ServerInput | null {
    return this.stdin.isComplete && this.stdin.length === 0 ? null : this.stdin;
  }

  get data(): ServerInput | null {
    return this.dataInput;
  }

  /** Whether all that belongs to the request has come. */
  get isInputComplete(): boolean {
    return this.stdin.isComplete && (this.dataInput === null || this.dataInput.isComplete);
  }

  /**
   * Whether nothing but the end of STDIN is missing. Web servers may send it on its own, which can be after the answer of a
   * quick program (Apache's mod_proxy_fcgi), or never: an authorizer has no input.
   */
  get lacksOnlyEnd(): boolean {
    if (this.stdin.isComplete || this.environment === noEnvironment) return false;
    return this.role === 'authorizer' || (this.dataInput === null && this.stdin.isContentComplete);
  }

  get isInputWanted(): boolean {
    return this.stdin.isWanted || (this.dataInput?.isWanted ?? false);
  }

  get unsentBytes(): number {
    return this.#connection.output.unsentBytes;
  }

  /** For how long the peer may read nothing of its answer; 0: no limit. */
  get writeTimeoutMs(): number {
    return this.#handle?.writeTimeoutMs ?? this.#connection.limits.writeTimeoutMs;
  }

  /** Whether the handler or queued output waits for the peer to read. */
  get isWaiting(): boolean {
    return this.#isHeld || this.#queue.length > 0;
  }

  /** Whether a record of a stream has its place now: PARAMS first, then STDIN, then, for a filter, DATA. */
  takes(type: typeof PARAMS | typeof STDIN | typeof DATA): boolean {
    if (type === PARAMS) return this.#state === 'params';
    if (this.#state === 'params') return false;
    if (type === STDIN) return !this.stdin.isComplete;
    return this.dataInput !== null && this.stdin.isComplete && !this.dataInput.isComplete;
  }

  /** Takes a piece of PARAMS. @throws PARAMS_TOO_LARGE, PROTOCOL_ERROR */
  pushParams(chunk: Buffer): void {
    this.#params.push(chunk);
  }

  /** PARAMS is complete. @throws PROTOCOL_ERROR */
  endParams(): void {
    this.environment = this.#params.end();
    this.#move('ready');
    this.stdin.announce(lengthOf(this.environment.CONTENT_LENGTH));
    this.dataInput?.announce(lengthOf(this.environment.FCGI_DATA_LENGTH));
  }

  /** Calls the handler; a body that is known to be longer or shorter than was announced is no request for one. */
  run(handler: (request: CgiRequest, sink: ServerSink) => Exchange): void {
    const error = this.stdin.error;
    if (error !== null) {
      this.refuse(error);
      return;
    }
    this.#move('running');
    this.#handle = handler(this, this);
  }

  /** Answers with an error in the handler's place. */
  refuse(error: PosternError): void {
    this.#move('running');
    this.fail(error);
  }

  head(head: CgiHead): void {
    if (this.#state !== 'running') return;
    const text = formatHead(head, this.#connection.options.saysOk);
    this.#hasHead ||= head.status >= 200;
    if (this.#queue.length === 0) this.#connection.output.putText(this, text);
    else this.#queue.push({ type: STDOUT, bytes: Buffer.from(text, 'latin1') });
  }

  write(chunk: Uint8Array): boolean {
    if (this.#state !== 'running') return true;
    return this.#put(STDOUT, chunk);
  }

  stderr(chunk: Uint8Array): void {
    if (this.#state !== 'running' || chunk.length === 0) return;
    this.#hasStderr = true;
    if (this.#queuedStderrBytes + chunk.length > MAX_STDERR_BYTES && this.isWaiting) {
      this.#droppedStderrBytes += chunk.length;
    } else {
      this.#put(STDERR, chunk);
    }
  }

  flush(): void {
    if (this.#state === 'running' && this.#queue.length === 0) this.#connection.output.flush();
  }

  /** @param appStatus as a program's exit status; web servers show anything but 0 in their logs */
  end(appStatus = 0): void {
    if (this.#state !== 'running') return;
    this.#move('ending');
    this.#appStatus = appStatus;
    if (this.#queue.length === 0) this.#finish();
    else this.#connection.output.waitForTurn(this);
  }

  /** Before the head: an error answer, or FastCGI's own refusal. After it: the request never ends, so that nobody takes it for whole. */
  fail(error: PosternError): void {
    if (this.#state !== 'running') return;
    if (this.#hasHead) {
      this.#stop();
      this.#connection.broken(this);
    } else if (error.code === 'OVERLOADED') {
      this.#refuse(OVERLOADED);
    } else if (error.code === 'UNKNOWN_ROLE') {
      this.#refuse(UNKNOWN_ROLE);
    } else {
      this.#answerError(error);
    }
  }

  /** The peer sent ABORT_REQUEST: the handler is told, and nothing more goes out but the end. */
  abort(): void {
    const wasRunning = this.#state === 'running';
    this.#stop();
    this.#connection.finished(this, 0, REQUEST_COMPLETE, this.#hasStderr);
    if (wasRunning) this.#handle?.abort();
  }

  /** The peer is gone. */
  lose(error: PosternError): void {
    const wasRunning = this.#state === 'running';
    this.#stop();
    this.stdin.fail(error);
    this.dataInput?.fail(error);
    if (wasRunning) this.#handle?.abort();
  }

  /** Nobody reads STDIN and DATA any more. */
  discardInput(): void {
    this.stdin.discard();
    this.dataInput?.discard();
  }

  /** Lets queued output out, a turn's worth; then tells the handler to go on. @returns whether more of it waits */
  takeTurn(): boolean {
    let left = TURN_BYTES;
    while (left > 0 && this.#queue.length > 0) {
      const next = this.#queue[0]!;
      const part = next.bytes.length <= left ? next.bytes : next.bytes.subarray(0, left);
      left -= part.length;
      if (next.type === STDERR) this.#queuedStderrBytes -= part.length;
      this.#connection.output.put(this, next.type, part);
      if (part === next.bytes) this.#queue.shift();
      else next.bytes = next.bytes.subarray(part.length);
    }
    if (this.#queue.length > 0) return true;
    if (this.#droppedStderrBytes > 0) this.#tellDropped();
    if (this.#state === 'ending') {
      this.#finish();
    } else if (this.#isHeld && left > 0) {
      this.#isHeld = false;
      this.#handle?.resume();
    }
    return this.isWaiting;
  }

  #put(type: typeof STDOUT | typeof STDERR, chunk: Uint8Array): boolean {
    if (this.#queue.length === 0 && !this.#connection.isCrowdedBy(chunk.length)) {
      this.#connection.output.put(this, type, chunk);
      if (!this.#connection.output.isFull) return true;
    } else {
      this.#queue.push({ type, bytes: Buffer.from(chunk) });
      if (type === STDERR) this.#queuedStderrBytes += chunk.length;
    }
    this.#isHeld ||= type === STDOUT;
    this.#connection.output.waitForTurn(this);
    return false;
  }

  /** Nothing is cut short silently. */
  #tellDropped(): void {
    const line = `[postern: ${this.#droppedStderrBytes} bytes of STDERR were dropped, since the web server did not read]\n`;
    this.#droppedStderrBytes = 0;
    this.#connection.output.put(this, STDERR, Buffer.from(line));
  }

  #finish(): void {
    this.#move('over');
    this.#connection.finished(this, this.#appStatus, REQUEST_COMPLETE, this.#hasStderr);
  }

  #refuse(protocolStatus: number): void {
    this.#move('over');
    this.#connection.finished(this, 0, protocolStatus, this.#hasStderr);
  }

  #answerError(error: PosternError): void {
    const { status, public: sentence, retryable } = errorTable[error.code];
    const headers = ['content-type', 'text/plain; charset=utf-8'];
    if (retryable) headers.push('retry-after', '1');
    this.head({ status: status === 499 ? 500 : status, reason: '', headers });
    this.write(Buffer.from(`${sentence}\n`));
    this.end(1);
  }

  #stop(): void {
    this.#move('over');
    this.#queue.length = 0;
  }

  #move(to: ServerExchangeState): void {
    if (!moves[this.#state].includes(to)) throw new Error(`a request cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}

/** A length from the environment; null where it is missing or no number. */
function lengthOf(text: string | undefined): number | null {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** Of all on a connection, so that none is cut before its own time. @param last that of one that is over, whose bytes may wait yet */
export function longestWriteTimeout(exchanges: ReadonlyMap<number, ServerExchange>, last: number): number {
  const all = [...exchanges.values()].map(({ writeTimeoutMs }) => writeTimeoutMs);
  return all.length === 0 ? last : all.includes(0) ? 0 : Math.max(...all);
}
