// The environment of a CGI request (RFC 3875, section 4.1), in one literal, and which header fields become a part of it. Pure.

import { inOnePiece } from '../bytes.ts';
import { environmentOf } from '../fastcgi/name-value-reader.ts';
import { pairsText } from '../fastcgi/record-writer.ts';
import { fieldValue } from '../http/headers.ts';
import type { MadeOfFields } from '../http/http1-head.ts';
import type { RequestPath } from '../http/path.ts';
import type { Environment, Pairs } from './exchange.ts';
import type { HeaderNames } from './header-variables.ts';

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
  /** SSL_PROTOCOL and its kind; null: the connection was not encrypted, or not by us. */
  readonly tls?: Readonly<Record<string, string>> | null;
  /** HTTP_HOST, where it is another than the Host field; null: that field. */
  readonly host?: string | null;
  /** What the configuration adds. */
  readonly configured: Readonly<Record<string, string>>;
}

// Name, value, name, value: in four lists, since what is the same for each request of a connection, of a script or for a target is made once. A variable
// that does not apply is left out: programs ask whether it is set.

/** What a connection says. */
export type ClientSource = Pick<
  EnvironmentSource,
  'serverName' | 'serverPort' | 'serverAddress' | 'remoteAddress' | 'remotePort' | 'secure' | 'host' | 'tls'
>;

function ofClient(from: ClientSource): string[] {
  const list = [
    ...['GATEWAY_INTERFACE', 'CGI/1.1'],
    ...['SERVER_SOFTWARE', 'postern'],
    ...['SERVER_NAME', from.serverName],
    ...['SERVER_ADDR', from.serverAddress],
    ...['SERVER_PORT', String(from.serverPort)],
    ...['REMOTE_ADDR', from.remoteAddress],
    ...['REMOTE_PORT', String(from.remotePort)],
    ...['REQUEST_SCHEME', from.secure ? 'https' : 'http'],
    // php-cgi that was built with --enable-force-cgi-redirect runs nothing without it.
    ...['REDIRECT_STATUS', '200'],
  ];
  if (from.secure) list.push('HTTPS', 'on');
  if (from.tls) for (const [name, value] of Object.entries(from.tls)) list.push(name, value);
  if (typeof from.host === 'string') list.push('HTTP_HOST', from.host);
  return list;
}

/** What was found for a path. */
export type ScriptSource = Pick<EnvironmentSource, 'scriptName' | 'pathInfo' | 'scriptFile'>;

function ofScript(from: ScriptSource, documentRoot: string | null): string[] {
  const list = [
    ...['SCRIPT_NAME', from.scriptName],
    // The document is the script: so nginx has it after its try_files.
    ...['DOCUMENT_URI', from.scriptFile === null ? from.scriptName + from.pathInfo : from.scriptName],
  ];
  if (documentRoot !== null) list.push('DOCUMENT_ROOT', documentRoot);
  if (from.scriptFile !== null) list.push('SCRIPT_FILENAME', from.scriptFile);
  // No PATH_TRANSLATED: with cgi.fix_pathinfo=0 PHP runs the file it names instead of SCRIPT_FILENAME, so that
  // /index.php/upload/x.jpg would run the upload (sapi/cgi, init_request_info). Plain CGI gets it from its backend.
  if (from.pathInfo !== '') list.push('PATH_INFO', from.pathInfo);
  return list;
}

/** What one request says. */
export interface RequestSource extends Pick<EnvironmentSource, 'method' | 'target' | 'version' | 'headers'> {
  /** What was made of its fields, where they came before. */
  readonly made?: MadeOfFields | null;
}

/** @param query what follows "?", where a rule changed that */
function ofTarget(target: string, query: string): string[] {
  return ['REQUEST_URI', target, 'QUERY_STRING', query];
}

function ofRequest(from: RequestSource, contentLength: number | null): string[] {
  const { method, version } = from;
  const protocol = version === '1.1' ? 'HTTP/1.1' : version === '2.0' ? 'HTTP/2.0' : `HTTP/${version}`;
  const list = ['REQUEST_METHOD', method, 'SERVER_PROTOCOL', protocol];
  if (contentLength !== null) list.push('CONTENT_LENGTH', String(contentLength));
  const { made = null } = from;
  const contentType = made === null ? (fieldValue(from.headers, 'content-type') ?? null) : made.contentType;
  if (contentType !== null) list.push('CONTENT_TYPE', contentType);
  return list;
}

/** Makes the environment: computed variables win over configured ones, and those over header fields. */
export function makeEnvironment(from: EnvironmentSource, names: HeaderNames): Environment {
  const list = ofRequest(from, from.contentLength);
  const before = [...ofClient(from), ...ofScript(from, from.documentRoot), ...ofTarget(from.target, from.query)];
  addConfigured(list, before, from.configured);
  addHeaders(list, from.headers, from.configured, typeof from.host === 'string', names);
  const environment: Environment = {};
  for (const part of [before, list]) for (let i = 0; i < part.length; i += 2) environment[part[i]!] = part[i + 1]!;
  return environment;
}

/** The variables of a connection, as FastCGI's pairs: for all requests that come on it. */
export function clientPairs(from: ClientSource): Pairs {
  return inOnePiece(pairsText(ofClient(from)));
}

/** The variables of a script, in the same way. */
export function scriptPairs(from: ScriptSource, documentRoot: string | null): Pairs {
  return inOnePiece(pairsText(ofScript(from, documentRoot)));
}

/** Whether an environment is there as its pairs. */
export function isPairs(environment: Environment | Pairs): environment is Pairs {
  return typeof environment === 'string';
}

/**
 * The whole environment as FastCGI's pairs.
 * @param client of `clientPairs`, and whether HTTP_HOST is among them
 * @param script of `scriptPairs`
 * @param configured null: nothing is
 */
export function environmentPairs(
  client: { readonly pairs: Pairs; readonly hasHost: boolean },
  script: Pairs,
  request: RequestSource,
  target: AskedTarget,
  contentLength: number | null,
  configured: Readonly<Record<string, string>> | null,
  names: HeaderNames,
): Pairs {
  const before = client.pairs + script + targetPairs(request.target, target);
  const { made = null, headers } = request;
  if (made !== null && configured === null && isUsual(request, made, contentLength))
    return before + usualPairs + knownPairs(made, headers, null, client.hasHost, names);
  const list = ofRequest(request, contentLength);
  if (configured !== null) addConfigured(list, Object.entries(environmentOf(before)).flat(), configured);
  if (made !== null) return before + pairsText(list) + knownPairs(made, headers, configured, client.hasHost, names);
  addHeaders(list, headers, configured, client.hasHost, names);
  return before + pairsText(list);
}

/** Most requests say no more than this besides their targets and fields. */
const usualPairs = inOnePiece(pairsText(ofRequest({ method: 'GET', target: '', version: '1.1', headers: [] }, null)));

function isUsual({ method, version }: RequestSource, made: MadeOfFields, contentLength: number | null): boolean {
  return method === 'GET' && version === '1.1' && made.contentType === null && contentLength === null;
}

/** A target as it was read; what was made of it is kept there. */
type AskedTarget = Pick<RequestPath, 'query' | 'asked'>;

function targetPairs(target: string, read: AskedTarget): Pairs {
  const { asked } = read;
  if (asked !== undefined && asked.target === target) return asked.pairs;
  const pairs = inOnePiece(pairsText(ofTarget(target, read.query)));
  read.asked = { target, pairs };
  return pairs;
}

/** As `addHeaders`, as pairs, and once for all requests with the same fields. */
function knownPairs(
  made: MadeOfFields,
  headers: readonly string[],
  configured: Readonly<Record<string, string>> | null,
  hasHost: boolean,
  names: HeaderNames,
): Pairs {
  const before = made.pairs;
  const isSame = before !== null && before.names === names && before.configured === configured;
  if (isSame && before.hasHost === hasHost) return before.pairs;
  const list: string[] = [];
  addHeaders(list, headers, configured, hasHost, names);
  const pairs = inOnePiece(pairsText(list));
  made.pairs = { pairs, names, configured, hasHost };
  return pairs;
}

/** @param before what was computed besides what is in the list */
function addConfigured(list: string[], before: readonly string[], configured: Readonly<Record<string, string>>): void {
  const end = list.length;
  for (const name of Object.keys(configured)) {
    if (indexOfName(before, name, before.length) === -1 && indexOfName(list, name, end) === -1)
      list.push(name, configured[name]!);
  }
}

/** Where a variable stands among the first so many entries of a list; -1: nowhere. */
function indexOfName(list: readonly string[], name: string, end: number): number {
  for (let at = 0; at < end; at += 2) if (list[at] === name) return at;
  return -1;
}

/** Adds the header fields; repeated ones are joined. HTTP_HOST alone may be computed, so only that and configured ones can be in the way. */
function addHeaders(
  list: string[],
  headers: readonly string[],
  configured: Readonly<Record<string, string>> | null,
  hasHost: boolean,
  names: HeaderNames,
): void {
  const turn = names.nextTurn();
  for (let i = 0; i < headers.length; i += 2) {
    const name = names.find(headers[i]!, i >> 1);
    if (name === null) continue;
    const { variable } = name;
    if (configured !== null && configured[variable] !== undefined) continue;
    if (hasHost && variable === 'HTTP_HOST') continue;
    const value = headers[i + 1]!;
    if (name.turn !== turn) {
      name.turn = turn;
      name.valueAt = list.push(variable, value) - 1;
    } else {
      list[name.valueAt] = `${list[name.valueAt]!}${variable === 'HTTP_COOKIE' ? '; ' : ', '}${value}`;
    }
  }
}
