// JSON Merge Patch (RFC 7396): what has changed between two values of plain data, and how it is put into the older one. Pure.
//
// An absent key and null mean the same: a patch takes a key away with null. Arrays are replaced as a whole.

/** Plain data, as JSON has it. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;

/** An object of plain data. */
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

/** What makes `after` of `before`; undefined: nothing has changed. */
export function patchBetween(before: JsonObject, after: JsonObject): JsonObject | undefined {
  const patch: Record<string, Json> = {};
  for (const key in before) if ((after[key] ?? null) === null && (before[key] ?? null) !== null) patch[key] = null;
  for (const key in after) {
    const now = after[key] ?? null;
    const old = before[key] ?? null;
    if (old === now || now === null) continue;
    if (isObject(old) && isObject(now)) {
      const inner = patchBetween(old, now);
      if (inner !== undefined) patch[key] = inner;
    } else if (!isSame(old, now)) patch[key] = isObject(now) ? withoutNulls(now) : now;
  }
  for (const _ in patch) return patch;
  return undefined;
}

/** The value with a patch in it. What has not changed stays the same object, so that whoever draws it sees that. */
export function applyPatch(target: JsonObject, patch: JsonObject): JsonObject {
  const result: Record<string, Json | undefined> = { ...target };
  for (const [key, change] of Object.entries(patch)) {
    const old = target[key];
    if (change === null || change === undefined) delete result[key];
    else if (isObject(change)) result[key] = applyPatch(isObject(old) ? old : {}, change);
    else result[key] = change;
  }
  return result;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** In a patch a null would take a key away. */
function withoutNulls(value: JsonObject): JsonObject {
  return applyPatch({}, value);
}

function isSame(a: Json, b: Json): boolean {
  if (typeof a !== 'object' || typeof b !== 'object') return a === b;
  return JSON.stringify(a) === JSON.stringify(b);
}
