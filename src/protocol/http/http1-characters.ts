// Which bytes may stand where in an HTTP/1.1 request (RFC 9110, 5.6.2 and 5.5; RFC 9112, 3.2). Pure.

const tokenBytes = tableOf((code) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code)));

// HTAB, SP, VCHAR and obs-text (RFC 9110, 5.5): everything but the other control bytes.
const valueBytes = tableOf((code) => code === 0x09 || (code >= 0x20 && code !== 0x7f));

// Wider than RFC 3986: browsers and links in the wild send "{" and "|" as they are, and some clients a path as bytes of UTF-8. Never a
// control byte, a space, or "#": what follows it never belongs to a request.
const targetBytes = tableOf((code) => code > 0x20 && code !== 0x7f && code !== 0x23);

/** Where the run of token bytes ends that begins at `from`. */
export function endOfToken(bytes: Uint8Array, from: number): number {
  return endOfRun(tokenBytes, bytes, from);
}

/** Where the run of bytes ends that a field value may hold, white space too. */
export function endOfValue(bytes: Uint8Array, from: number): number {
  return endOfRun(valueBytes, bytes, from);
}

/** Where the run of bytes ends that a request target may hold. */
export function endOfTarget(bytes: Uint8Array, from: number): number {
  return endOfRun(targetBytes, bytes, from);
}

// Over bytes, not over the string: on strings `charCodeAt` costs twice as much, and this is most of a head's reading.
function endOfRun(table: Uint8Array, bytes: Uint8Array, from: number): number {
  let at = from;
  while (table[bytes[at]!] === 1) at += 1;
  return at;
}

function tableOf(isAllowed: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (isAllowed(code) ? 1 : 0));
}
