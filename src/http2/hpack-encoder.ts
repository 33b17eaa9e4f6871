// Writes fields in HPACK (RFC 7541) as byte strings, by the static table and as literals that are not kept: so a block is the same on each connection,
// and what was written once can be sent again. Pure.

import { staticNames } from './hpack-tables.ts';

/** The size of the dynamic table is 0, which is to be said once, in the first block: then no setting of the other side asks for more. */
export const noTable = '\x20';

/** How the length of a short string is written. */
const lengthBytes: readonly string[] = Array.from({ length: 0x7f }, (_, length) => String.fromCharCode(length));

/** Where the static table has a name, the first place. */
const places = new Map<string, number>();
for (const [place, name] of staticNames.entries()) if (place > 0 && !places.has(name)) places.set(name, place);

/** What goes before the value of a field whose name is in the static table. */
const known = new Map<string, string>();
for (const [name, place] of places) known.set(name, integer(place, 0x0f, 0));

/** Statuses that the static table has, from 8 on. */
const statuses = [200, 204, 206, 304, 400, 404, 500];

const statusBlocks: readonly string[] = Array.from({ length: 600 }, (_, status) => {
  const place = statuses.indexOf(status);
  return place === -1 ? encodeField(':status', String(status)) : String.fromCharCode(0x80 | (place + 8));
});

/** @param status below 600 */
export function encodeStatus(status: number): string {
  return statusBlocks[status]!;
}

/** A field. @param name in lower case */
export function encodeField(name: string, value: string): string {
  return `${known.get(name) ?? `\0${lengthOf(name)}${name}`}${lengthOf(value)}${value}`;
}

function lengthOf(text: string): string {
  return text.length < 0x7f ? lengthBytes[text.length]! : integer(text.length, 0x7f, 0);
}

/** An integer (5.1). @param most what its first byte can hold, all ones @param above the other bits of that byte */
function integer(value: number, most: number, above: number): string {
  if (value < most) return String.fromCharCode(above | value);
  let text = String.fromCharCode(above | most);
  let rest = value - most;
  for (; rest >= 0x80; rest >>>= 7) text += String.fromCharCode((rest & 0x7f) | 0x80);
  return text + String.fromCharCode(rest);
}
