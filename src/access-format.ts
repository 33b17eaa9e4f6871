// The lines of an access log that is not JSON: "combined", "common", or a format with the letters of PHP-FPM (access.format), compiled once. Pure.
//
//   %R - %u %t "%m %r%Q%q" %s %f %{milli}d

import { commonLogTime, compileTime } from './strftime.ts';

/** What a line is made of. Texts are escaped and safe to print; credentials are blanked. */
export interface LoggedRequest {
  readonly method: string;
  readonly url: string;
  readonly version: string;
  readonly remoteAddress: string;
  readonly status: number;
  readonly bytes: number;
  readonly durationMs: number;
  readonly pool: string | null;
  readonly pid: number;
  readonly userAgent: string | null;
  readonly referer: string | null;
  /** null where the format is JSON. */
  readonly script: string | null;
  readonly user: string | null;
  readonly contentLength: number | null;
  /** Values of the variables and the answer's fields that the format asks for; null where it asks for none. */
  readonly asked: Readonly<Record<string, string>> | null;
}

/** A format that was read. */
export interface AccessFormat {
  /** Variables (`%{REMOTE_PORT}e`) and fields of answers (`%{Content-Type}o`) that it asks for; as they are named in `asked`: "e:NAME", "o:name". */
  readonly asks: readonly string[];
  /** The line, without its end. @param wallMs of its end, in milliseconds since 1970 */
  line(request: LoggedRequest, wallMs: number): string;
}

type Part = (request: LoggedRequest, wallMs: number) => string;

const named: Readonly<Record<string, string>> = {
  common: '%R - %u %t "%m %r%Q%q HTTP/%{}V" %s %B',
  combined: '%R - %u %t "%m %r%Q%q HTTP/%{}V" %s %B "%{}F" "%{}A"',
};

/** What there is of PHP-FPM's letters; those in `own` are ours, for the named formats alone. */
const own = 'VBFA';
const oddTime = /[^%A-Za-z0-9:/ .,+_-]/;

/**
 * Reads a format.
 * @throws Error in words, for a letter that there is none of
 */
export function compileAccessFormat(format: string): AccessFormat {
  const asks: string[] = [];
  const isNamed = Object.hasOwn(named, format);
  const text = isNamed ? named[format]! : format;
  const parts: Part[] = [];
  const letters = /%(?:\{([^}]*)\})?([A-Za-z%])|%/g;
  let end = 0;
  for (const match of text.matchAll(letters)) {
    const literal = text.slice(end, match.index);
    if (literal !== '') parts.push(() => literal);
    end = match.index + match[0].length;
    const [whole, inside, letter] = match;
    if (letter === undefined || (own.includes(letter) && !isNamed))
      throw new Error(`"${whole}" is no letter of PHP-FPM's`);
    parts.push(partOf(letter, inside ?? '', whole, asks));
  }
  const rest = text.slice(end);
  if (rest !== '') parts.push(() => rest);
  return {
    asks,
    line: (request, wallMs) => {
      let line = '';
      for (const part of parts) line += part(request, wallMs);
      return line;
    },
  };
}

function partOf(letter: string, inside: string, whole: string, asks: string[]): Part {
  const simple = letters[letter];
  if (simple !== undefined) return simple;
  switch (letter) {
    case 'd':
      return durationPart(inside, whole);
    case 't':
    case 'T':
      return timePart(letter, inside, whole);
    case 'e':
    case 'o':
      return askedPart(letter, inside, whole, asks);
    // What PHP-FPM has of its processes, nobody but they can tell: CPU and memory of one request.
    case 'C':
    case 'M':
      return () => '-';
    default:
      throw new Error(`"${whole}" is no letter of PHP-FPM's`);
  }
}

const queryAt = ({ url }: LoggedRequest): number => url.indexOf('?');

const letters: Readonly<Record<string, Part>> = {
  '%': () => '%',
  A: ({ userAgent }) => quoted(userAgent ?? '-'),
  B: ({ bytes }) => String(bytes),
  F: ({ referer }) => quoted(referer ?? '-'),
  V: ({ version }) => version,
  f: ({ script }) => quoted(script ?? '-'),
  l: ({ contentLength }) => String(contentLength ?? 0),
  m: ({ method }) => quoted(method),
  n: ({ pool }) => pool ?? '-',
  p: ({ pid }) => (pid === 0 ? '-' : String(pid)),
  P: () => String(process.pid),
  q: (request) => (queryAt(request) === -1 ? '' : quoted(request.url.slice(queryAt(request) + 1))),
  Q: (request) => (queryAt(request) === -1 ? '' : '?'),
  r: (request) => quoted(queryAt(request) === -1 ? request.url : request.url.slice(0, queryAt(request))),
  R: ({ remoteAddress }) => remoteAddress,
  s: ({ status }) => String(status),
  u: ({ user }) => quoted(user ?? '-'),
};

const durations: Readonly<Record<string, (ms: number) => string>> = {
  '': (ms) => (ms / 1000).toFixed(3),
  seconds: (ms) => (ms / 1000).toFixed(3),
  milliseconds: (ms) => ms.toFixed(3),
  // As PHP-FPM's own example writes it.
  miliseconds: (ms) => ms.toFixed(3),
  milli: (ms) => ms.toFixed(3),
  mili: (ms) => ms.toFixed(3),
  microseconds: (ms) => String(Math.round(ms * 1000)),
  micro: (ms) => String(Math.round(ms * 1000)),
};

function durationPart(unit: string, whole: string): Part {
  const show = Object.hasOwn(durations, unit) ? durations[unit] : undefined;
  if (show === undefined)
    throw new Error(`"${whole}": the unit of a duration is seconds, milliseconds or microseconds`);
  return ({ durationMs }) => show(durationMs);
}

/** %t is when the request came, %T when its line is written. Both are in brackets in the usual formats. */
function timePart(letter: string, format: string, whole: string): Part {
  if (oddTime.test(format))
    throw new Error(`"${whole}": a time is written as strftime has it, %{%Y-%m-%dT%H:%M:%S%z}t`);
  const time = format === '' ? (wallMs: number): string => `[${commonLogTime(wallMs)}]` : compileTime(format);
  return letter === 't' ? ({ durationMs }, wallMs) => time(wallMs - durationMs) : (_request, wallMs) => time(wallMs);
}

/** Who can read the log must not be able to use what is in it. */
const secret =
  /^(?:e:(?:HTTP_AUTHORIZATION|HTTP_COOKIE|HTTP_PROXY_AUTHORIZATION|PHP_AUTH_(?:PW|DIGEST))|o:set-cookie)$/;

function askedPart(letter: 'e' | 'o', name: string, whole: string, asks: string[]): Part {
  if (!/^[\w-]+$/.test(name)) throw new Error(`"${whole}": write the name of a variable or of a field in it`);
  const key = letter === 'e' ? `e:${name}` : `o:${name.toLowerCase()}`;
  if (secret.test(key)) return () => '***';
  asks.push(key);
  return ({ asked }) => quoted(asked?.[key] ?? '-');
}

/** As nginx does: nothing that is in quotes ends them. */
function quoted(text: string): string {
  return /["\\]/.test(text) ? text.replace(/"/g, '\\x22').replace(/\\(?!x)/g, '\\x5c') : text;
}
