// The fields of a program's header that are meant for its server alone: X-Sendfile*, X-Accel-*. Pure.

/** A file's name as a program gave it, a byte string, and by which field: X-Sendfile has a path, X-Accel-Redirect a URL. */
export interface FileName {
  readonly by: 'path' | 'url';
  readonly value: string;
}

/** What a program's header fields say about it. */
interface ServerFields {
  /** The fields without those that are meant for us alone; the same list where there are none. */
  readonly headers: readonly string[];
  /** The file to send in its place; null: none. */
  readonly name: FileName | null;
}

/** Takes the fields that are meant for a server (X-Sendfile*, X-Accel-*) out of a program's header. */
export function takeServerFields(headers: readonly string[]): ServerFields {
  let name: ServerFields['name'] = null;
  let kept: string[] | null = null;
  for (let i = 0; i < headers.length; i += 2) {
    const lower = lowerServerField(headers[i]!);
    if (lower === null) {
      kept?.push(headers[i]!, headers[i + 1]!);
      continue;
    }
    kept ??= headers.slice(0, i);
    if (lower === 'x-sendfile') name = { by: 'path', value: headers[i + 1]! };
    else if (lower === 'x-accel-redirect') name = { by: 'url', value: headers[i + 1]! };
  }
  return { headers: kept ?? headers, name };
}

/** The name in lower case when the field is one for the server, else null. */
function lowerServerField(name: string): string | null {
  const first = name.charCodeAt(0);
  if ((first !== 0x58 && first !== 0x78) || name.charCodeAt(1) !== 0x2d) return null;
  const lower = name.toLowerCase();
  return lower.startsWith('x-sendfile') || lower.startsWith('x-accel-') ? lower : null;
}
