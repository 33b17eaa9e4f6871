// The contract between those who have a CGI request and those who run one: what goes in, and the sink that takes what comes out. Pure.
//
// Text here is a byte string: each character is one byte (latin1), as it stood on the wire, so that
// its length is its length in bytes and nothing is decoded twice. Only `php/`, `gateway/script` and logs turn it into text.

import type { Readable } from 'node:stream';
import type { PosternError } from '../../errors.ts';
import type { AnswerHead, FieldsBlock } from '../http/answer-framing.ts';

/** FastCGI's roles; plain CGI knows only the responder. */
export type Role = 'responder' | 'authorizer' | 'filter';

/** CGI variables by name (RFC 3875, section 4.1). Names and values are byte strings. Has no prototype, or plain keys only. */
export type Environment = Record<string, string>;

/** Variables as FastCGI's name-value pairs, a byte string: joined of pieces that serve many requests, and not put together before it is sent. */
export type Pairs = string;

/** A request body that is ready to be sent. */
export interface RequestBody {
  /** Exact length in bytes, or null where it is not known (a streamed upload; PHP cannot take one). */
  readonly length: number | null;
  /** The whole body where it is in memory; then it can be sent again. */
  readonly bytes: Uint8Array | null;
  /** A new stream over the body. May be called again only when `replayable`. */
  stream(): Readable;
  /**
   * Where the body lies in a file, and only there: fills the buffers one after another with its bytes from `position` on; may be called
   * as often as it takes. Rejects once the body is closed. @returns how many bytes came; less than asked for at the end only
   */
  readAt?(buffers: readonly Uint8Array[], position: number): Promise<number>;
  /** Whether `stream()` gives the same bytes a second time (memory or spool file), so that a retry is possible. */
  readonly replayable: boolean;
}

/** One request, as every backend takes it. */
export interface CgiRequest {
  readonly role: Role;
  readonly environment: Environment;
  /** The environment as FastCGI's pairs, where it was made so: `environment` costs something then. */
  readonly pairs?: Pairs | undefined;
  /** null: no body (STDIN is empty). */
  readonly body: RequestBody | null;
  /** A filter's data stream; null in other roles. */
  readonly data: RequestBody | null;
  /** The method as it came, for logs, the scoreboard and the retry rule. */
  readonly method: string;
  /** The request target, for logs and the scoreboard; from a gateway its credentials are blanked and control bytes escaped. */
  readonly url: string;
  /** Whether sending it twice does no harm (RFC 9110, 9.2.2). */
  readonly idempotent: boolean;
  /**
   * Variables that a web server in front made up, which is not trusted: whoever gives the environment to a process leaves them out,
   * since its loader or interpreter would obey some (LD_PRELOAD). Absent: none.
   */
  readonly foreign?: readonly string[];
  /** Time limits of this request in place of the pool's, in milliseconds; 0: none. */
  readonly requestTimeoutMs?: number | undefined;
  readonly readTimeoutMs?: number | undefined;
}

/** The head of a CGI answer (RFC 3875, section 6.3), checked: names are tokens, values hold no control bytes. */
export interface CgiHead {
  /** 103, or 200 to 999. */
  readonly status: number;
  /** Reason phrase, empty where the program gave none. */
  readonly reason: string;
  /** Name, value, name, value; without Status. Byte strings. */
  readonly headers: readonly string[];
  /** The first few lines that are no fields, and were left out: for the log. Byte strings. Not there where there were none. */
  readonly lostLines?: readonly string[];
  /** Whether the program said "Connection: close": the client's connection is to end with the answer. */
  readonly closes?: boolean;
  /** What was made of this head, for when it comes again: the same bytes give the same object. Absent: it does not. */
  readonly made?: MadeOfHead;
}

/** What those who pass a head on made of it. */
export interface MadeOfHead {
  /** Whether it goes to the client as it is: it names no file to be sent and no place inside the server. null: nobody has looked. */
  isPlain: boolean | null;
  /** Bytes that it tells of its body; infinite where it tells none. null: nobody has looked. */
  bodyBytes: number | null;
  /** The head of the answer to the client; null: nobody has written it. */
  answer: AnswerHead | null;
  /** The same for HTTP/2. */
  fields: FieldsBlock | null;
  /** What became of it where answers are compressed; null: nobody has looked. */
  treated: TreatedHead | null;
}

/** What a head becomes where answers are compressed. */
export interface TreatedHead {
  /** By whose settings, and of what. */
  readonly by: object;
  readonly status: number;
  readonly headers: readonly string[];
  /** See `Compression.treatmentOf`. */
  readonly treatment: 'compress' | 'varies' | 'never';
  /** The header of an answer that is sent as it is, though others get it compressed; null: nobody has made it. */
  varied: readonly string[] | null;
  /** That of one with the coding that was asked for last. */
  coded: { readonly coding: string; readonly headers: readonly string[] } | null;
}

/** Of a head of which nothing was made yet. */
export function nothingMade(): MadeOfHead {
  return { isPlain: null, bodyBytes: null, answer: null, fields: null, treated: null };
}

/**
 * Takes one answer, in this order: `head` (again for each 1xx before it), any number of `write`, then once `end` or `fail`.
 * After `fail`, or after `Exchange.abort()`, nothing more is called. `stderr` may be called at any time before the end.
 */
export interface CgiSink {
  head(head: CgiHead): void;
  /**
   * Takes bytes of the body. The bytes are only lent: the sink copies what it keeps after it returns.
   * @returns false when no more should be sent until the sink's owner calls `Exchange.resume()`.
   */
  write(chunk: Uint8Array): boolean;
  /** What was written so far came together and nothing more is at hand: a sink that gathers writes passes them on now. */
  flush(): void;
  /** A complete answer. */
  end(): void;
  /** The answer is not complete, or never came; `head` may have been called. */
  fail(error: PosternError): void;
  /** Bytes of the program's STDERR; lent, as in `write`. */
  stderr(chunk: Uint8Array): void;
}

/**
 * How far a request came:
 * `unsent`: not one byte of it has left, so no program can have begun it;
 * `sent`: bytes left, and none came back;
 * `answered`: at least one byte came back, be it of STDERR or of half a head.
 */
export type Progress = 'unsent' | 'sent' | 'answered';

/** A request that is running. */
export interface Exchange {
  /** How long it waited for a seat, in milliseconds, where the backend has a queue and the wait is over; for the access log. */
  readonly waitedMs?: number;
  /** The process that has it, or had it last, and how often it was given to one; 0: none is known. */
  readonly pid?: number;
  readonly attempts?: number;
  /** For how long the one who asked may read nothing of the answer, where whoever answers says so. 0: no limit. */
  readonly writeTimeoutMs?: number | undefined;
  /** The sink, which returned false from `write`, takes bytes again. */
  resume(): void;
  /** The one who asked has gone: stop at once, call the sink no more. Repeatable, and harmless after the end. */
  abort(): void;
}

/** Anything that runs CGI requests: a pool, a FastCGI server elsewhere, a CGI program, an application in this process. */
export interface Backend {
  /** As the configuration calls it. */
  readonly name: string;
  /** Starts a request. Never throws: a refusal is `sink.fail`, which may be called before `run` returns. */
  run(request: CgiRequest, sink: CgiSink): Exchange;
}

const idempotentMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** Whether sending a request with this method twice does no more than sending it once (RFC 9110, section 9.2.2). */
export function isIdempotent(method: string): boolean {
  return idempotentMethods.has(method);
}
