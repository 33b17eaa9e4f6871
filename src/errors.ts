// Every error that Postern answers or throws: one table of public codes, and the class that carries one.

/** What a code means to a client and to a retry. */
interface ErrorKind {
  /** The HTTP status a client gets. */
  readonly status: number;
  /** Whether the same request may be sent again by the client later without harm: a Retry-After goes with it. */
  readonly retryable: boolean;
  /** One sentence for the client: no path, no environment, no stack. */
  readonly public: string;
}

const kind = (status: number, retryable: boolean, sentence: string): ErrorKind => ({
  status,
  retryable,
  public: sentence,
});

/** Code -> HTTP status, whether trying again makes sense, and what a client is told. Documented in `docs/errors.md`. */
export const errorTable = {
  // the request
  TLS_ON_PLAIN_PORT: kind(400, false, 'This port speaks plain HTTP, not HTTPS.'),
  PLAIN_ON_TLS_PORT: kind(400, false, 'This port speaks HTTPS, not plain HTTP.'),
  BAD_REQUEST: kind(400, false, 'The request could not be understood.'),
  BODY_INCOMPLETE: kind(400, false, 'The request body ended early.'),
  UNAUTHORIZED: kind(401, false, 'This address asks for a user and a password.'),
  FORBIDDEN: kind(403, false, 'Access to this address is not allowed.'),
  NOT_FOUND: kind(404, false, 'There is nothing at this address.'),
  METHOD_NOT_ALLOWED: kind(405, false, 'This method is not allowed here.'),
  REQUEST_TIMEOUT: kind(408, true, 'The request took too long to arrive.'),
  GONE: kind(410, false, 'There is nothing at this address any more.'),
  BODY_TOO_LARGE: kind(413, false, 'The request body is larger than this server accepts.'),
  MISDIRECTED: kind(421, false, 'This server has no site of that name.'),
  CLIENT_CERTIFICATE_NEEDED: kind(403, false, 'This address asks for a client certificate that it accepts.'),
  URI_TOO_LONG: kind(414, false, 'The address is too long.'),
  EXPECTATION_FAILED: kind(417, false, 'The expectation in the request cannot be met.'),
  TOO_MANY_REQUESTS: kind(429, true, 'There were too many requests.'),
  HEADERS_TOO_LARGE: kind(431, false, 'The request headers are larger than this server accepts.'),
  // us
  INTERNAL: kind(500, false, 'Something went wrong in the server.'),
  REQUEST_CRASHES: kind(500, false, 'The program for this address fails.'),
  PROGRAM_NOT_STARTED: kind(500, false, 'The program for this address could not be started.'),
  SENDFILE_REFUSED: kind(500, false, 'The program named a file that this server may not send.'),
  METHOD_UNKNOWN: kind(501, false, 'This method is not implemented.'),
  CODING_UNKNOWN: kind(501, false, 'This transfer coding is not implemented.'),
  VERSION_UNSUPPORTED: kind(505, false, 'This version of HTTP is not supported.'),
  UNAVAILABLE: kind(503, true, 'This address is not available now.'),
  SPOOL_BUSY: kind(503, true, 'The server is busy.'),
  SPOOL_FULL: kind(507, true, 'The server has no room for the request body.'),
  LOCAL_REDIRECT_LOOP: kind(502, false, 'The program redirected inside the server too many times.'),
  // the pool
  QUEUE_FULL: kind(503, true, 'The server is busy.'),
  QUEUE_TIMEOUT: kind(503, true, 'The server is busy.'),
  POOL_RESTING: kind(503, true, 'The program for this address is being restarted.'),
  POOL_CLOSING: kind(503, true, 'The server is restarting.'),
  POOL_DRAINED: kind(503, true, 'The program for this address is being serviced.'),
  REQUEST_ENDED: kind(502, false, 'The request was ended by an operator.'),
  // the program's answer
  ANSWER_INVALID: kind(502, false, 'The program gave an answer that is not valid.'),
  ANSWER_TRUNCATED: kind(502, false, 'The program ended before its answer was complete.'),
  ANSWER_TIMEOUT: kind(504, false, 'The program took too long to answer.'),
  PROTOCOL_ERROR: kind(502, false, 'The program did not keep to its protocol.'),
  CONNECT_FAILED: kind(502, true, 'The program could not be reached.'),
  CONNECTION_LOST: kind(502, false, 'The program ended before its answer was complete.'),
  OVERLOADED: kind(503, true, 'The program is busy.'),
  CANT_MULTIPLEX: kind(502, false, 'The program refused the request.'),
  UNKNOWN_ROLE: kind(502, false, 'The program refused the request.'),
  PARAMS_TOO_LARGE: kind(431, false, 'The request headers are larger than the program accepts.'),
  // not answered to anyone
  ABORTED: kind(499, false, 'The client closed the connection.'),
  CONFIG_INVALID: kind(500, false, 'The configuration is not valid.'),
  ADDRESS_IN_USE: kind(500, false, 'The address is already in use.'),
  LAUNCH_FAILED: kind(503, true, 'The program for this address could not be started.'),
  NOT_RUNNING: kind(500, false, 'The service that was asked for does not run.'),
} as const satisfies Record<string, ErrorKind>;

/** What the system says when it has no more descriptors, memory or processes to give: nobody's fault, and it passes. */
export const shortages: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EAGAIN']);

/** A public error code. */
export type ErrorCode = keyof typeof errorTable;

/** What an error is made from besides its code and message. */
export interface PosternErrorOptions {
  readonly cause?: unknown;
  readonly fields?: Readonly<Record<string, unknown>>;
  /** @default false */
  readonly isTold?: boolean;
  /** @default false */
  readonly isHint?: boolean;
  /** @default null */
  readonly limit?: SlowClientLimit;
}

/** What a client met that sends, or takes, nothing for too long: as the configuration calls it. */
export type SlowClientLimit = 'bodyTimeout' | 'writeTimeout';

/** An error with a public code. `message` is for operators (what happened, with values, then what to do), never for clients. */
export class PosternError extends Error {
  override readonly name = 'PosternError';
  readonly code: ErrorCode;
  /** Values that go to the log. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Whether the log has it already, in one line for many such errors. */
  readonly isTold: boolean;
  /** Whether the log gets it whatever its status is: there is something to mend on this side. */
  readonly isHint: boolean;
  /** The limit that its client met, which is counted; null: none, or it was counted where it was met. */
  readonly limit: SlowClientLimit | null;

  constructor(code: ErrorCode, message: string, options: PosternErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fields = options.fields ?? {};
    this.isTold = options.isTold ?? false;
    this.isHint = options.isHint ?? false;
    this.limit = options.limit ?? null;
  }

  /** The HTTP status of this error's code. */
  get status(): number {
    return errorTable[this.code].status;
  }

  /** Whether a client may try again. */
  get retryable(): boolean {
    return errorTable[this.code].retryable;
  }
}

/** What was thrown, as a PosternError: itself, or an INTERNAL one with it as its cause. */
export function toPosternError(thrown: unknown): PosternError {
  if (thrown instanceof PosternError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new PosternError('INTERNAL', message, { cause: thrown });
}

/** What is said of an answer whose head is refused by the library that would send it: that request fails, and nothing else. @param cause what the library threw */
export function unsentHead(cause: unknown): PosternError {
  return new PosternError('INTERNAL', `the head of an answer could not be sent: ${(cause as Error).message}`, {
    cause,
  });
}
