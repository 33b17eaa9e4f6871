// Names of request header fields as CGI variables (RFC 3875, section 4.1.18), and the fields that never become one. Pure.

/** Fields that a program never sees: they are about the connection, or have a variable of their own. */
const dropped = new Set([
  'connection',
  'content-length',
  'content-type',
  'expect',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // HTTP_PROXY would configure the HTTP client inside the program: CVE-2016-5385 ("httpoxy").
  'proxy',
  'proxy-authorization',
  'proxy-connection',
]);

/** Fields by which gateways and programs talk to each other: from a client they are always forged. */
const droppedPrefix = /^(?:redirect-|x-sendfile|x-accel-)/;

/**
 * The CGI variable of a header field, or null where the field is dropped. A name with "_" is dropped too: "X_Real_Ip" and
 * "X-Real-Ip" would become the same variable, and one of them would go round what a proxy in front of us filters.
 */
export function headerVariable(name: string): string | null {
  if (!/^[A-Za-z0-9-]+$/.test(name)) return null;
  const lower = name.toLowerCase();
  if (dropped.has(lower) || droppedPrefix.test(lower)) return null;
  return `HTTP_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** Remembers the variables of names seen before, up to a limit, since clients send the same names again and again. */
export class HeaderNames {
  readonly #known = new Map<string, string | null>();
  readonly #onDropped: (name: string) => void;

  /** @param onDropped told of a name that cannot be a variable, once for each name that is remembered */
  constructor(onDropped: (name: string) => void = () => {}) {
    this.#onDropped = onDropped;
  }

  /** As `headerVariable`. */
  variable(name: string): string | null {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const variable = headerVariable(name);
    if (this.#known.size < MAX_KNOWN && name.length <= MAX_KNOWN_LENGTH) {
      this.#known.set(name, variable);
      if (variable === null && !/^[A-Za-z0-9-]+$/.test(name)) this.#onDropped(name);
    }
    return variable;
  }
}

const MAX_KNOWN = 1024;
const MAX_KNOWN_LENGTH = 128;
