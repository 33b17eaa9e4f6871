// The contract between the fronts and the gateway: an HTTP request as any front gives it, and the sink that takes the answer.

import type { Readable } from 'node:stream';
import type { PosternError } from '../errors.ts';
import type { Environment, MadeOfHead } from '../protocol/cgi/exchange.ts';
import type { MadeOfFields } from '../protocol/http/http1-head.ts';

/** Where a connection came from and arrived. An address is text without a port; for Unix sockets it is empty and the port 0. */
export interface Peer {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Whether the connection is encrypted. */
  readonly secure: boolean;
  /** The gateway's, for as long as the connection lasts: what it knows of the client, for its next request. */
  memo?: unknown;
  /** What is known of its encryption. Absent: it has none, or it was not ours. */
  readonly tls?: ConnectionTls;
}

/** What is known of an encrypted connection. */
export interface ConnectionTls {
  /** SSL_PROTOCOL and its kind, as mod_ssl calls them; with those of the client's certificate where its site asks for one. Byte strings. */
  readonly variables: Environment;
  /** The rule by which the client's certificate was judged, as `Site.clientRule` names it; null: it was not asked for one. */
  readonly clientRule: string | null;
  /** Whether the client showed a certificate that the rule accepts. */
  readonly isClientKnown: boolean;
}

/**
 * A request body: a stream, of which some fronts lend the bytes as they come from the socket, so that no chunk has to be made of
 * each read. Those that do have both methods.
 */
export interface IncomingBody extends Readable {
  /** In place of reading: gives what comes to `take`, only lent. False: give no more until `lendMore()`. End and errors are the stream's. */
  lendTo?(take: (bytes: Uint8Array) => boolean): void;
  lendMore?(): void;
}

/** What a web server says with a request. */
export interface WebServerRequest {
  /** IP address of the web server; empty for a Unix socket. */
  readonly address: string;
  /** Its variables, as they came. Byte strings. */
  readonly variables: Environment;
}

/** An HTTP request, framed and syntax-checked by a front, otherwise as it came. Byte strings throughout. */
export interface HttpRequest {
  readonly method: string;
  /** The request target in origin form ("/a?b") or "*"; a front turns absolute form into Host and origin form. */
  readonly target: string;
  /** "1.0", "1.1" or "2.0". */
  readonly version: string;
  /** Name, value, name, value, in their order, names as they came. On HTTP/2 `:authority` is given as Host. */
  readonly headers: readonly string[];
  readonly peer: Peer;
  /**
   * null: no body by its framing. Errors (a cut upload, a bad chunk) come as the stream's error. A client that waits for
   * "100 Continue" gets it from the front when the body is first read.
   */
  readonly body: IncomingBody | null;
  /** From Content-Length; null for none or chunked. */
  readonly contentLength: number | null;
  /** What was made of fields that came before: the same bytes give the same object. null or absent: they did not. */
  readonly made?: MadeOfFields | null;
  /** What a web server in front has decided already. Absent where the request is the client's own. */
  readonly webServer?: WebServerRequest;
}

/** What a program says of its answer besides status and fields. */
export interface AnswerManner {
  /** Reason phrase of its own; empty: none. */
  readonly reason: string;
  /** Whether it asked that the client's connection ends with the answer. */
  readonly closes?: boolean;
  /** Of a head that comes again: see there. */
  readonly made?: MadeOfHead;
}

/**
 * Takes the answer of one request, in this order: `head` (again for each 1xx), any number of `write`, then once `end` or `abort`.
 * Framing is the front's: it sets Content-Length when `end` comes before anything was passed on, else chunks (or closes, on 1.0).
 * It drops the body for HEAD, 204, 205 and 304.
 */
export interface HttpAnswer {
  /**
   * @param status 100 to 999
   * @param headers name, value, name, value; hop-by-hop fields were taken out. A Content-Length among them is
   * checked: a longer body is cut there and the connection closed, a shorter one is aborted.
   */
  head(status: number, headers: readonly string[], manner?: AnswerManner): void;
  /** Bytes of the body; lent: the front copies what it keeps after it returns. False: the client does not take
   * all, and no more should come until the listener is told `drained`; then that is said of each write and flush until then. */
  write(chunk: Uint8Array): boolean;
  /** As `write`, for bytes that nobody will change: the front may keep them without a copy. */
  writeLasting?(bytes: Buffer): boolean;
  /**
   * In place of `head`: answers 101, and from then on what is written goes to the client as it is, and what the client sends to `input`.
   * Absent, or null: this connection cannot.
   */
  tunnel?(headers: readonly string[], input: TunnelInput): Tunnel | null;
  /** Nothing more is at hand now: pass on what was gathered. @returns as `write` does */
  flush(): boolean;
  /** A complete answer. */
  end(): void;
  /** The answer cannot be completed: close so that the client notices (no last chunk; RST_STREAM). */
  abort(error: PosternError): void;
  /** Who is told what becomes of the answer. Set by the gateway. */
  listener: AnswerListener | null;
  /** Whether head() was given a final status already. */
  readonly headSent: boolean;
  /**
   * Of a client that does not take all: a number that changes when it takes something, and else does not.
   * @param closely by what the system holds for it, too, which costs more to ask
   */
  taken(closely: boolean): number;
}

/** Takes what a client sends on a connection that has become a tunnel. */
export interface TunnelInput {
  /** Lent. False: nothing was taken, and it is to be offered again after `resume()`. */
  received(bytes: Uint8Array): boolean;
  /** The client sends nothing more. */
  ended(): void;
}

/** A connection that has become a tunnel. */
export interface Tunnel {
  /** There is room for what the client sends. */
  resume(): void;
}

/** Whom a front tells. An object, and not two closures: those a request cost more than its parsing, in garbage that V8 kept for long. */
export interface AnswerListener {
  /** Writing may go on. */
  drained(): void;
  /** The client went away before `end`, or, with an error, what was to be sent was refused by the library below. Called once. */
  gone(error?: PosternError): void;
  /** For how long the client may take nothing of what waits for it, after `end` as well. 0: no limit; where it is not said, the front's own counts. */
  readonly writeTimeoutMs?: number;
}

/** What a front calls for each request: the gateway, or a test's stand-in for it. Never throws. */
export type HttpHandler = (request: HttpRequest, answer: HttpAnswer) => void;
