// Streams of bytes, read whole.

import { PosternError } from '../../../src/errors.ts';
import type { RequestBody } from '../../../src/protocol/cgi/exchange.ts';

/** A body is copied into PHP's memory as a whole; its own post_max_size is looked at only then. */
const maxBodyBytes = 512 * 1024 * 1024;

/** A request body; null for none. @throws BODY_TOO_LARGE, BODY_INCOMPLETE */
export async function readBody(body: RequestBody | null): Promise<Uint8Array | null> {
  if (body === null) return null;
  if ((body.length ?? 0) > maxBodyBytes) throw tooLarge();
  if (body.bytes !== null) return body.bytes;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body.stream()) {
    length += chunk.length;
    if (length > maxBodyBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

/** All of a stream that the build gave. */
export async function readAll(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(unsigned(chunk));
  return Buffer.concat(chunks);
}

/** The build gives some of its bytes out as an Int8Array, whatever its declarations say. */
export function unsigned(chunk: Uint8Array): Uint8Array {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

function tooLarge(): PosternError {
  return new PosternError(
    'BODY_TOO_LARGE',
    `a body of more than ${maxBodyBytes} bytes: embedded PHP takes no larger one`,
  );
}
