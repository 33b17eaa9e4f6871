// The Range field (RFC 9110, section 14): which bytes of a representation are wanted. Pure.

/** A part of a representation: from `start` up to, and not including, `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** So many parts are sent in one answer; who asks for more gets the whole. */
const MAX_RANGES = 16;

/**
 * Reads a Range field for a representation of a size.
 * @returns the parts, in the order asked for; "whole": the field is to be ignored, since it is not valid, of another unit than bytes, or asks
 * for more parts or bytes than there is sense in (RFC 9110, 14.2); "none": it asks for nothing that is there (416)
 */
export function parseRange(value: string, size: number): readonly ByteRange[] | 'whole' | 'none' {
  const [, list] = /^bytes[ \t]*=(.*)$/i.exec(value) ?? [];
  if (list === undefined) return 'whole';
  const ranges: ByteRange[] = [];
  let count = 0;
  let bytes = 0;
  for (const item of list.split(',')) {
    const text = item.replace(/^[ \t]+|[ \t]+$/g, '');
    // An empty element of a list is nothing (RFC 9110, 5.6.1).
    if (text === '') continue;
    count += 1;
    const range = parseOne(text, size);
    if (range === null || count > MAX_RANGES) return 'whole';
    if (range.start >= range.end) continue;
    ranges.push(range);
    bytes += range.end - range.start;
  }
  if (count === 0) return 'whole';
  if (ranges.length === 0) return 'none';
  // Parts that lie over each other are a way to be sent more than the whole.
  return ranges.length > 1 && bytes > size ? 'whole' : ranges;
}

/** One part, which is empty where nothing of it is there; null: not valid. */
function parseOne(text: string, size: number): ByteRange | null {
  const [, first, last] = /^(\d*)-(\d*)$/.exec(text) ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return null;
  if (first === '') return { start: Math.max(0, size - Number(last)), end: size };
  if (last === '') return { start: Number(first), end: size };
  if (Number(last) < Number(first)) return null;
  return { start: Number(first), end: Math.min(size, Number(last) + 1) };
}
