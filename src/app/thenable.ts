// Tells promises, and what behaves like one, from values. Pure.

/** What a handler or a module gave back without waiting must not become a promise: a small answer leaves in the tick its request came in. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return value instanceof Promise || typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
