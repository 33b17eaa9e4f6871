// The environment of a CGI request (RFC 3875, section 4.1), in one literal, and which header fields become a part of it. Pure.

import { fieldValue } from '../http/headers.ts';
import type { Environment } from './exchange.ts';

/** What is known of a request when its environment is made. Byte strings. */
export interface EnvironmentSource {
  readonly method: string;
  /** Request target as it came. */
  readonly target: string;
  /** "1.0", "1.1" or "2.0". */
  readonly version: string;
  /** Name, value, name, value. */
  readonly headers: readonly string[];
  readonly query: string;
  /** URL path of the script or mount, decoded. */
  readonly scriptName: string;
  /** What follows it in the path, decoded. */
  readonly pathInfo: string;
  /** Path of the script's file; null for an application that is no file. */
  readonly scriptFile: string | null;
  /** null for a site without one. */
  readonly documentRoot: string | null;
  /** Exact length of the body; null where there is none or it is not known. */
  readonly contentLength: number | null;
  readonly serverName: string;
  readonly serverPort: number;
  readonly serverAddress: string;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly secure: boolean;
  /** HTTP_HOST, where it is another than the Host field; null: that field. */
  readonly host?: string | null;
  /** What the configuration adds. */
  readonly configured: Readonly<Record<string, string>>;
}

/** Makes the environment: computed variables win over configured ones, and those over header fields. */
export function makeEnvironment(from: EnvironmentSource, names: HeaderNames): Environment {
  const environment: Environment = {
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_SOFTWARE: 'postern',
    SERVER_PROTOCOL: from.version === '2.0' ? 'HTTP/2.0' : `HTTP/${from.version}`,
    SERVER_NAME: from.serverName,
    SERVER_ADDR: from.serverAddress,
    SERVER_PORT: String(from.serverPort),
    REMOTE_ADDR: from.remoteAddress,
    REMOTE_PORT: String(from.remotePort),
    REQUEST_METHOD: from.method,
    REQUEST_URI: from.target,
    REQUEST_SCHEME: from.secure ? 'https' : 'http',
    QUERY_STRING: from.query,
    SCRIPT_NAME: from.scriptName,
    // The document is the script: so nginx has it after its try_files.
    DOCUMENT_URI: from.scriptFile === null ? from.scriptName + from.pathInfo : from.scriptName,
    // php-cgi that was built with --enable-force-cgi-redirect runs nothing without it.
    REDIRECT_STATUS: '200',
  };
  // A variable that does not apply is left out: programs ask whether it is set.
  if (from.secure) environment.HTTPS = 'on';
  if (typeof from.host === 'string') environment.HTTP_HOST = from.host;
  if (from.documentRoot !== null) environment.DOCUMENT_ROOT = from.documentRoot;
  if (from.scriptFile !== null) environment.SCRIPT_FILENAME = from.scriptFile;
  if (from.contentLength !== null) environment.CONTENT_LENGTH = String(from.contentLength);
  // No PATH_TRANSLATED: with cgi.fix_pathinfo=0 PHP runs the file it names instead of SCRIPT_FILENAME, so that
  // /index.php/upload/x.jpg would run the upload (sapi/cgi, init_request_info). Plain CGI gets it from its backend.
  if (from.pathInfo !== '') environment.PATH_INFO = from.pathInfo;
  const contentType = fieldValue(from.headers, 'content-type');
  if (contentType !== undefined) environment.CONTENT_TYPE = contentType;
  for (const name of Object.keys(from.configured)) {
    if (!Object.hasOwn(environment, name)) environment[name] = from.configured[name]!;
  }
  addHeaders(environment, from, names);
  return environment;
}

/** Adds the header fields; repeated ones are joined. HTTP_HOST alone may be computed, so only that and configured ones can be in the way. */
function addHeaders(
  environment: Environment,
  { headers, configured, host }: EnvironmentSource,
  names: HeaderNames,
): void {
  for (let i = 0; i < headers.length; i += 2) {
    const variable = names.variable(headers[i]!);
    if (variable === null || configured[variable] !== undefined) continue;
    if (typeof host === 'string' && variable === 'HTTP_HOST') continue;
    const value = headers[i + 1]!;
    const before = environment[variable];
    environment[variable] =
      before === undefined ? value : `${before}${variable === 'HTTP_COOKIE' ? '; ' : ', '}${value}`;
  }
}

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
