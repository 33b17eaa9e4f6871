// Request bodies as a gateway holds them, what they may take, and those that are passed on as they arrive.

import { Readable } from 'node:stream';
import type { Clock } from '../clock.ts';
import { PosternError } from '../errors.ts';
import type { RequestBody } from '../protocol/cgi/exchange.ts';
import type { HttpRequest } from './message.ts';

/** A body whose memory or file is given back by `close()`, which is repeatable. */
export interface HeldBody extends RequestBody {
  close(): void;
}

/** What a body may take. */
export interface BodyLimits {
  readonly maxBodyBytes: number;
  readonly memoryBodyBytes: number;
  readonly bodyTimeoutMs: number;
  readonly spoolFolder: string;
}

/** Refuses a body whose length is known to be too large, before a byte of it is read. @throws BODY_TOO_LARGE */
export function checkBodyLength(request: HttpRequest, limits: BodyLimits): void {
  if (request.contentLength !== null && request.contentLength > limits.maxBodyBytes) throw tooLarge(limits);
}

/** A body that is passed on as it arrives. Its stream fails with BODY_TOO_LARGE, BODY_INCOMPLETE or REQUEST_TIMEOUT. */
export function streamBody(source: Readable, contentLength: number | null, limits: BodyLimits, clock: Clock): HeldBody {
  const stream = Readable.from(checkedChunks(source, contentLength, limits, clock), { objectMode: false });
  return {
    length: contentLength,
    bytes: null,
    replayable: false,
    stream: () => stream,
    close: () => void stream.destroy(),
  };
}

/** The chunks of a body, as long as they keep to its limits. Never destroys the source: the front still has to answer there. */
async function* checkedChunks(
  source: Readable,
  contentLength: number | null,
  limits: BodyLimits,
  clock: Clock,
): AsyncGenerator<Uint8Array> {
  const iterator = source.iterator({ destroyOnReturn: false });
  let length = 0;
  try {
    for (;;) {
      const next = await beforeTimeout(iterator.next(), limits.bodyTimeoutMs, clock).catch((error: unknown) => {
        throw error instanceof PosternError ? error : incomplete(length, contentLength, error);
      });
      if (next.done === true) break;
      const chunk = next.value as Uint8Array;
      length += chunk.length;
      if (length > limits.maxBodyBytes) throw tooLarge(limits);
      yield chunk;
    }
    if (contentLength !== null && length !== contentLength) throw incomplete(length, contentLength);
  } finally {
    // Lets go of the source, so that the front may read on what is left.
    void iterator.return?.();
  }
}

/** The promise, or REQUEST_TIMEOUT when it is not settled in time. */
async function beforeTimeout<T>(promise: Promise<T>, timeoutMs: number, clock: Clock): Promise<T> {
  if (timeoutMs === 0) return promise;
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const timer = clock.after(timeoutMs, () => {
    reject(tooSlow(timeoutMs));
  });
  try {
    return await Promise.race([promise, expired]);
  } finally {
    timer.cancel();
  }
}

/** A body grew larger than it may. */
export function tooLarge({ maxBodyBytes }: BodyLimits): PosternError {
  return new PosternError('BODY_TOO_LARGE', `a request body is larger than ${maxBodyBytes} bytes: see maxBody`);
}

/** A body's source ended, or failed, before the body did. */
export function incomplete(length: number, contentLength: number | null, cause?: unknown): PosternError {
  const expected = contentLength === null ? '' : ` of ${contentLength}`;
  return new PosternError('BODY_INCOMPLETE', `a request body ended after ${length}${expected} bytes`, { cause });
}

/** A body's client sent nothing for too long. */
export function tooSlow(timeoutMs: number): PosternError {
  return new PosternError('REQUEST_TIMEOUT', `no byte of a request body came for ${timeoutMs} ms: see bodyTimeout`, {
    limit: 'bodyTimeout',
  });
}
