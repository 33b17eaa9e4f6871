// FastCGI as a way in: a web server passes requests on, as it would to PHP-FPM, and the gateway answers them.
//
// What the web server chose decides, under our root and with our checks: see `gateway/web-server.ts`.

import { isIP } from 'node:net';
import { type Address, formatAddress, isReachable } from '../connection/address.ts';
import type { BoundSocket } from '../connection/listen.ts';
import { PosternError } from '../errors.ts';
import { FastcgiServer } from '../fastcgi-server/fastcgi-server.ts';
import type { ServerSink } from '../fastcgi-server/server-exchange.ts';
import type { ServerLimits } from '../fastcgi-server/server-limits.ts';
import type { AnswerListener, AnswerManner, HttpAnswer, HttpHandler, HttpRequest } from '../gateway/message.ts';
import type { Log } from '../log.ts';
import type { CgiRequest, Environment, Exchange } from '../protocol/cgi/exchange.ts';
import type { AcceptRoom } from './accept-room.ts';

/** How a FastCGI front runs. */
export interface FastcgiFrontOptions {
  readonly handler: HttpHandler;
  /** IP addresses and networks that may connect. Needed to listen on an address that is not loopback. */
  readonly allowedClients?: readonly string[];
  readonly limits?: Partial<ServerLimits>;
  readonly backlog?: number;
  /** Whether other threads listen on the same port. @default false */
  readonly reusePort?: boolean;
  /** How many connections descriptors are left for. @default nobody asks */
  readonly room?: AcceptRoom;
  readonly log?: Log;
}

/** A FastCGI listener before a gateway. */
export interface FastcgiFront {
  /** Where it listens, with the real port; null after the end. */
  readonly address: Address | null;
  /** Connections that are open. */
  readonly connections: number;
  /** Accepts no more and lets running requests finish. Repeatable. */
  close(): Promise<void>;
  /** Closes everything now. Repeatable. */
  destroy(error?: PosternError): void;
}

/**
 * Listens for FastCGI.
 * @throws ADDRESS_IN_USE; CONFIG_INVALID for an address that others can reach without `allowedClients`
 */
export async function listenFastcgi(where: Address | BoundSocket, options: FastcgiFrontOptions): Promise<FastcgiFront> {
  const address = 'fd' in where ? where.address : where;
  if (isReachable(address) && options.allowedClients === undefined) {
    throw new PosternError(
      'CONFIG_INVALID',
      `fastcgi://${formatAddress(address)} can be reached from other machines: set allowedClients, or listen on 127.0.0.1 or a Unix socket`,
    );
  }
  const { handler, room, ...rest } = options;
  const server = new FastcgiServer({
    ...rest,
    saysOk: false,
    ...(room !== undefined && {
      onServer: (listening) => {
        room.add(listening);
        listening.on('connection', (socket) => room.took(socket));
      },
    }),
    run: (request, sink, peer) => runRequest(handler, request, sink, peer),
  });
  await server.listen(where);
  return server;
}

function runRequest(handler: HttpHandler, request: CgiRequest, sink: ServerSink, peer: string): Exchange {
  const answer = new FastcgiAnswer(sink);
  if (request.role === 'responder') handler(httpRequestOf(request, peer), answer);
  else sink.fail(new PosternError('UNKNOWN_ROLE', `a gateway is no ${request.role}`));
  return {
    // Read when it is needed: the handler sets the listener.
    get writeTimeoutMs() {
      return answer.listener?.writeTimeoutMs;
    },
    resume: () => answer.drained(),
    abort: () => answer.gone(),
  };
}

/** The sink of one answer, for the gateway on one side and the connection on the other. */
class FastcgiAnswer implements HttpAnswer {
  readonly #sink: ServerSink;
  listener: AnswerListener | null = null;
  /** How often the web server took all that waited for it. */
  #drains = 0;
  #isFull = false;
  #headSent = false;
  #isOver = false;

  constructor(sink: ServerSink) {
    this.#sink = sink;
  }

  get headSent(): boolean {
    return this.#headSent;
  }

  /** One that reads slowly takes something long before it has taken all. */
  taken(): number {
    return this.#drains * 2 ** 32 - this.#sink.unsentBytes;
  }

  head(status: number, headers: readonly string[], manner?: AnswerManner): void {
    // A web server takes the first head of a FastCGI answer as the final one.
    if (status < 200) return;
    this.#headSent = true;
    this.#sink.head({ status, reason: manner?.reason ?? '', headers });
  }

  write(chunk: Uint8Array): boolean {
    if (!this.#sink.write(chunk)) this.#isFull = true;
    return !this.#isFull;
  }

  flush(): boolean {
    this.#sink.flush();
    return !this.#isFull;
  }

  end(): void {
    this.#isOver = true;
    this.#sink.end();
  }

  abort(error: PosternError): void {
    this.#isOver = true;
    this.#sink.fail(error);
  }

  drained(): void {
    this.#drains += 1;
    this.#isFull = false;
    this.listener?.drained();
  }

  /** The web server aborted the request, or left. */
  gone(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.listener?.gone();
  }
}

/** The HTTP request that a web server describes with CGI variables. */
function httpRequestOf(request: CgiRequest, address: string): HttpRequest {
  const { environment, body } = request;
  const length = environment.CONTENT_LENGTH;
  const contentLength = length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : null;
  const hasBody = body !== null && (contentLength === null ? body.length !== 0 : contentLength > 0);
  return {
    method: request.method,
    target: targetOf(environment),
    version: /^HTTP\/(\d\.\d)$/.exec(environment.SERVER_PROTOCOL ?? '')?.[1] ?? '1.1',
    headers: headersOf(environment),
    peer: {
      remoteAddress: addressOf(environment.REMOTE_ADDR),
      remotePort: portOf(environment.REMOTE_PORT),
      localAddress: addressOf(environment.SERVER_ADDR),
      localPort: portOf(environment.SERVER_PORT),
      secure: /^(?:on|1)$/i.test(environment.HTTPS ?? '') || environment.REQUEST_SCHEME === 'https',
    },
    // A handler that has read enough of it listens to no error any more; without a listener one would end the process.
    body: hasBody ? body.stream().on('error', () => {}) : null,
    contentLength: hasBody ? contentLength : null,
    webServer: { address, variables: environment },
  };
}

/** REQUEST_URI in origin form, for logs and programs; made of the parts where a web server sends none. */
function targetOf(environment: Environment): string {
  const uri = environment.REQUEST_URI?.replace(/^https?:\/\/[^/?]*/, '');
  if (uri) return uri.startsWith('/') || uri === '*' ? uri : `/${uri}`;
  const path = `${environment.SCRIPT_NAME ?? ''}${environment.PATH_INFO ?? ''}` || '/';
  const encoded = path.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/g, percent);
  return environment.QUERY_STRING ? `${encoded}?${environment.QUERY_STRING}` : encoded;
}

function headersOf(environment: Environment): string[] {
  const headers: string[] = [];
  for (const name in environment) {
    // nginx sends both, and the variables without a prefix are the ones that count.
    if (name === 'HTTP_CONTENT_TYPE' || name === 'HTTP_CONTENT_LENGTH') continue;
    if (name === 'HTTP_HOST') continue;
    if (name.startsWith('HTTP_') && name.length > 5) {
      headers.push(name.slice(5).toLowerCase().replaceAll('_', '-'), environment[name]!);
    }
  }
  headers.push('host', environment.HTTP_HOST || environment.SERVER_NAME || 'localhost');
  if (environment.CONTENT_TYPE) headers.push('content-type', environment.CONTENT_TYPE);
  if (environment.CONTENT_LENGTH) headers.push('content-length', environment.CONTENT_LENGTH);
  return headers;
}

function addressOf(text: string | undefined): string {
  return text !== undefined && isIP(text) !== 0 ? text : '';
}

function portOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : 0;
}

function percent(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
