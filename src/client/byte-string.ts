// Text <-> byte strings: what goes over FastCGI is bytes, of which each character of a byte string is one. Pure.

/** Text as the bytes of its UTF-8. */
export function toByteString(text: string): string {
  // Most variables are ASCII, which is the same in both.
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text).toString('latin1');
}

/** Bytes as text: UTF-8 where they are that, else latin1. */
export function toText(bytes: string): string {
  if (/^[\x00-\x7f]*$/.test(bytes)) return bytes;
  const text = Buffer.from(bytes, 'latin1').toString();
  return text.includes('\ufffd') ? bytes : text;
}
