// A WebSocket through a proxy: the server is asked whether it becomes one; then bytes go both ways, each as fast as the other side takes them.

import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../clock.ts';
import { PosternError } from '../errors.ts';
import { answeredFields } from '../protocol/http/proxy-fields.ts';
import type { ProxyOptions } from '../rules/rule.ts';
import type { HttpAnswer, Tunnel, TunnelInput } from './message.ts';
import type { Producer, Reply } from './reply.ts';

/** What is asked of the server. Byte strings. */
export interface TunnelRequest {
  readonly target: string;
  /** Without what is between neighbours. */
  readonly headers: readonly string[];
}

/** How long the server may still send once the client has ended its side: most have gone then. */
const LAST_WORDS_MS = 5_000;

type State = 'asking' | 'answering' | 'open' | 'over';

const moves: Readonly<Record<State, readonly State[]>> = {
  asking: ['answering', 'open', 'over'],
  answering: ['over'],
  open: ['over'],
  over: [],
};

/** One WebSocket. */
export class ProxyTunnel implements Producer, TunnelInput {
  readonly #options: ProxyOptions;
  readonly #reply: Reply;
  readonly #answer: HttpAnswer;
  readonly #clock: Clock;
  #state: State = 'asking';
  #request: ClientRequest | null = null;
  #response: IncomingMessage | null = null;
  #socket: Socket | null = null;
  #tunnel: Tunnel | null = null;
  #timer: Timer | null = null;

  /** @param answer that of the reply: it becomes a tunnel */
  constructor(options: ProxyOptions, reply: Reply, answer: HttpAnswer, clock: Clock) {
    this.#options = options;
    this.#reply = reply;
    this.#answer = answer;
    this.#clock = clock;
  }

  begin({ target, headers }: TunnelRequest): void {
    const { url, connectTimeoutMs, readTimeoutMs } = this.#options;
    const file = /^unix:(.*)$/.exec(url)?.[1];
    const { protocol, hostname, port } = new URL(file === undefined ? url : 'http://localhost');
    // Not imported: an import of node:http loads all that it names, undici too, which is 9 MB in each thread.
    const { request: ask } = process.getBuiltinModule(protocol === 'https:' ? 'node:https' : 'node:http');
    const fields = [...headers, 'Connection', 'Upgrade', 'Upgrade', 'websocket'];
    const where = file === undefined ? { host: hostname.replace(/^\[|\]$/g, ''), port } : { socketPath: file };
    this.#reply.producer = this;
    const request = ask({ ...where, path: target, method: 'GET', headers: fields, agent: false, setHost: false });
    this.#request = request;
    request.on('upgrade', (response, socket, first) => this.#open(response, socket as Socket, first));
    request.on('response', (response) => this.#refused(response));
    request.on('error', (error) => this.#failed(error));
    request.end();
    if (readTimeoutMs === 0) return;
    this.#timer = this.#clock.after(connectTimeoutMs + readTimeoutMs, () => {
      const message = `${url} did not answer within ${connectTimeoutMs + readTimeoutMs} ms: see readTimeout`;
      this.#end(new PosternError('ANSWER_TIMEOUT', message));
    });
  }

  // What the reply says.

  resume(): void {
    (this.#socket ?? this.#response)?.resume();
  }

  abort(): void {
    this.#end(null);
  }

  // What the client sends.

  received(bytes: Uint8Array): boolean {
    const socket = this.#socket;
    if (socket === null || socket.writableNeedDrain) return false;
    if (bytes.length > 0 && !socket.writableEnded) socket.write(Buffer.from(bytes));
    return true;
  }

  ended(): void {
    this.#socket?.end();
    this.#timer?.cancel();
    this.#timer = this.#clock.after(LAST_WORDS_MS, () => this.#end(null));
  }

  // What the server says.

  #open(response: IncomingMessage, socket: Socket, first: Buffer): void {
    if (this.#state !== 'asking') {
      socket.destroy();
      return;
    }
    this.#timer?.cancel();
    this.#socket = socket;
    socket.on('error', () => this.#end(null));
    socket.on('close', () => this.#end(null));
    socket.setKeepAlive(true, 60_000);
    this.#move('open');
    const fields = [...answeredFields(response.rawHeaders), 'Connection', 'Upgrade', 'Upgrade', 'websocket'];
    this.#tunnel = this.#answer.tunnel?.(fields, this) ?? null;
    if (this.#tunnel === null) {
      this.#end(new PosternError('METHOD_UNKNOWN', 'a connection of this kind cannot become a WebSocket'));
      return;
    }
    this.#reply.status = 101;
    if (first.length > 0) this.#pass(first);
    socket.on('data', (bytes: Buffer) => this.#pass(bytes));
    socket.on('drain', () => this.#tunnel?.resume());
    socket.on('end', () => this.#end(null));
  }

  #pass(bytes: Buffer): void {
    if (this.#state !== 'open') return;
    const goesOn = this.#reply.pass(bytes);
    this.#reply.flush();
    if (!goesOn) this.#socket?.pause();
  }

  /** It does not become one: its answer is the client's. */
  #refused(response: IncomingMessage): void {
    if (this.#state !== 'asking') return;
    this.#timer?.cancel();
    this.#move('answering');
    this.#response = response;
    this.#reply.head(response.statusCode ?? 502, answeredFields(response.rawHeaders));
    response.on('data', (bytes: Buffer) => {
      if (!this.#reply.write(bytes)) response.pause();
      this.#reply.flush();
    });
    response.on('end', () => this.#end(null));
    response.on('error', (error) => this.#failed(error));
  }

  #failed(error: Error): void {
    const { url } = this.#options;
    const wasAsking = this.#state === 'asking';
    const code = wasAsking ? 'CONNECT_FAILED' : 'CONNECTION_LOST';
    this.#end(new PosternError(code, `${url}: ${error.message}: is the server running?`, { cause: error }));
  }

  /** @param error what the client is told, where that can still be done */
  #end(error: PosternError | null): void {
    if (this.#state === 'over') return;
    this.#move('over');
    this.#timer?.cancel();
    this.#socket?.destroySoon();
    if (this.#socket === null && error === null) this.#request?.destroy();
    if (error === null) this.#reply.end();
    else this.#reply.fail(error);
  }

  #move(to: State): void {
    if (!moves[this.#state].includes(to)) throw new Error(`a tunnel cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}
