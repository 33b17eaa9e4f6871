// A large value on its way from one process to another, in pieces: who takes all of it in at once answers nobody meanwhile. Pure.

/** Entries of one object or array of a value. */
export interface Piece {
  /** Where that is, from the top. */
  readonly path: readonly string[];
  readonly entries: readonly (readonly [string, unknown])[];
}

/** A value that was cut. */
export interface CutValue {
  /** Without the entries of its large objects and arrays. */
  readonly rest: unknown;
  /** To be put in again in this order. */
  readonly pieces: readonly Piece[];
}

/** Entries of a piece. */
const pieceLength = 100;

/** Cuts a value of JSON, which stays as it was. */
export function cut(value: unknown): CutValue {
  const pieces: Piece[] = [];
  return { rest: without(value, [], pieces), pieces };
}

/** Puts a value together again, in place. @returns it */
export function joined({ rest, pieces }: CutValue): unknown {
  for (const { path, entries } of pieces) {
    let place = rest as Record<string, unknown>;
    for (const key of path) place = place[key] as Record<string, unknown>;
    // Not by an assignment: "__proto__" may be a key, as any other.
    for (const [key, one] of entries)
      Object.defineProperty(place, key, { value: one, configurable: true, enumerable: true, writable: true });
  }
  return rest;
}

function without(value: unknown, path: readonly string[], pieces: Piece[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const inner: Piece[] = [];
  let isSame = true;
  for (const entry of entries) {
    const [key, one] = entry;
    if (typeof one !== 'object' || one === null) continue;
    entry[1] = without(one, [...path, key], inner);
    isSame &&= entry[1] === one;
  }
  const isLarge = entries.length > pieceLength;
  if (isLarge)
    for (let from = 0; from < entries.length; from += pieceLength)
      pieces.push({ path, entries: entries.slice(from, from + pieceLength) });
  // Behind what they belong into.
  pieces.push(...inner);
  if (isSame && !isLarge) return value;
  const made = Array.isArray(value) ? [] : {};
  return isLarge ? made : joined({ rest: made, pieces: [{ path: [], entries }] });
}
