// Between text, as the configuration and the file system have it, and byte strings, as the wire has them; and byte strings and targets as logs show them. Pure.

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A byte string (one character per byte) of a text in UTF-8. */
export function textToBytes(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** The text of a byte string, or null where it is not UTF-8. */
export function bytesToText(bytes: string): string | null {
  if (isAscii(bytes)) return bytes;
  try {
    return strictUtf8.decode(Buffer.from(bytes, 'latin1'));
  } catch {
    return null;
  }
}

/** A byte string as text for a log: what is not UTF-8 is replaced, control characters are escaped, and it is cut. */
export function bytesToLog(bytes: string, maxLength: number): string {
  const cut = bytes.length > maxLength ? `${bytes.slice(0, maxLength)}...` : bytes;
  if (isPrintable(cut)) return cut;
  const text = isAscii(cut) ? cut : Buffer.from(cut, 'latin1').toString('utf8');
  return escapeControls(text);
}

const mostUrlBytes = 2_048;
// Parameters by which applications pass on credentials; whoever reads the log must not be able to use them.
const secrets =
  /([?&](?:password|passwd|pwd|token|access_token|refresh_token|id_token|api_?key|secret|client_secret|signature|sig|auth)=)[^&#]*/gi;

const userInfo = /^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i;

/** A request target as logs show it: credentials blanked, control bytes escaped, cut. */
export function urlForLog(target: string): string {
  const named = target.startsWith('/') ? target : target.replace(userInfo, '$1***@');
  const blanked = named.includes('?') ? named.replace(secrets, '$1***') : named;
  return bytesToLog(blanked, mostUrlBytes);
}

/** Escapes what a terminal or a log file would take for more than text, marks of writing direction too: they show a name as another one. */
function escapeControls(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, (char) => {
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

// A regular expression, since most texts were cut from a longer one: there each character that a loop looks at costs as much as twenty here.
const unprintable = /[^\x20-\x7e]/;
const beyondAscii = /[^\x00-\x7f]/;

/** Nearly every text is, and to see that is quicker than to replace nothing. */
function isPrintable(text: string): boolean {
  return !unprintable.test(text);
}

/** Whether each character is ASCII. */
export function isAscii(text: string): boolean {
  return !beyondAscii.test(text);
}

/** FNV-1a of a byte string, as a signed number of 32 bits. @param seed another one gives another hash */
export function hashOf(text: string, seed = 0x811c9dc5): number {
  let hash = seed;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash | 0;
}
