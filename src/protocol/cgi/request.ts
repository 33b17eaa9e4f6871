// What a request's method says of running it twice (RFC 9110, section 9.2.2). Pure.

const idempotent = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** Whether sending a request with this method twice does no more than sending it once. */
export function isIdempotent(method: string): boolean {
  return idempotent.has(method);
}
