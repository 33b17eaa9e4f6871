// Which bytes may stand where in an HTTP/1.1 request (RFC 9110, 5.6.2 and 5.5; RFC 9112, 3.2). Pure.

const tokenBytes = tableOf((code) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code)));

// HTAB, SP, VCHAR and obs-text (RFC 9110, 5.5): everything but the other control bytes.
const valueBytes = tableOf((code) => code === 0x09 || (code >= 0x20 && code !== 0x7f));

// Wider than RFC 3986: browsers and links in the wild send "{" and "|" as they are. Never a control byte, a space, one from
// 0x80 up (whose meaning depends on a charset that nobody told), or "#": what follows it never belongs to a request.
const targetBytes = tableOf((code) => code > 0x20 && code < 0x7f && code !== 0x23);

/** Whether `text` from `from` up to `to` is a token and not empty. */
export function isToken(text: string, from: number, to: number): boolean {
  return from < to && isAll(tokenBytes, text, from, to);
}

/** Whether `text` from `from` up to `to` may be a field value; an empty one may. */
export function isFieldValue(text: string, from: number, to: number): boolean {
  return isAll(valueBytes, text, from, to);
}

/** Whether `text` from `from` up to `to` holds only what a request target may hold, and something. */
export function isTarget(text: string, from: number, to: number): boolean {
  return from < to && isAll(targetBytes, text, from, to);
}

function isAll(table: Uint8Array, text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) {
    if (table[text.charCodeAt(at)] !== 1) return false;
  }
  return true;
}

function tableOf(isAllowed: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (isAllowed(code) ? 1 : 0));
}
