// The low-level form of a request: bytes in, bytes out, without the Web's objects.

import type { Environment, RequestBody, Role } from '../protocol/cgi/exchange.ts';

/** One request as `respond` gets it. */
export interface Call {
  readonly role: Role;
  readonly method: string;
  /** The request target as it came. */
  readonly url: string;
  /** CGI variables; byte strings. */
  readonly environment: Readonly<Environment>;
  /** STDIN; null where there is none. */
  readonly body: RequestBody | null;
  /**
   * Begins the answer.
   * @param headers name, value, name, value; byte strings
   * @throws ANSWER_INVALID for a name or value that is not valid
   */
  head(status: number, headers?: readonly string[]): void;
  /**
   * Sends bytes of the body.
   * @returns false when nothing more should be written before `drained()` resolves
   */
  write(chunk: Uint8Array | string): boolean;
  /** Resolves when writing may go on, or the client is gone. */
  drained(): Promise<void>;
  /** Passes on at once what was gathered. */
  flush(): void;
  /** Bytes for the request's STDERR. */
  stderr(chunk: Uint8Array | string): void;
  /** The answer is complete. A promise that `respond` returned does the same when it resolves. */
  end(): void;
}
