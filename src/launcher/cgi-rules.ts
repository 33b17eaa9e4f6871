// Which CGI programs a pool may be asked to run, and with which variables: what the configuration says, whatever the service does.

import { realpathSync, statSync } from 'node:fs';
import { isMatch, parsePattern } from '../protocol/http/path.ts';
import { textToBytes } from '../protocol/text.ts';

/** Where scripts of a pool are: one for each route that leads to it. Texts. */
export interface ScriptPlace {
  /** Absolute path of the folder. */
  readonly root: string;
  /** What of a URL's path stands for the folder: empty, or "/blog". */
  readonly prefix: string;
  /** What the route is for. */
  readonly match: string;
  /** Absolute paths of folders outside that links may lead to. */
  readonly linkFolders: readonly string[];
}

/** The rules of one pool. */
export interface CgiRules {
  readonly places: readonly ScriptPlace[];
  /** What the pool's programs get in any case. Texts. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables that sites and routes add: each with the values that it may have. Texts. */
  readonly added: Readonly<Record<string, readonly string[]>>;
}

/** What a request of CGI is made of (RFC 3875, section 4.1), and what servers add by custom. */
const variableNames: ReadonlySet<string> = new Set(
  (
    'AUTH_TYPE CONTENT_LENGTH CONTENT_TYPE DOCUMENT_ROOT DOCUMENT_URI GATEWAY_INTERFACE HTTPS PATH_INFO PATH_TRANSLATED QUERY_STRING ' +
    'REDIRECT_STATUS REDIRECT_URL REMOTE_ADDR REMOTE_HOST REMOTE_IDENT REMOTE_PORT REMOTE_USER REQUEST_METHOD REQUEST_SCHEME REQUEST_URI ' +
    'SCRIPT_FILENAME SCRIPT_NAME SERVER_ADDR SERVER_ADMIN SERVER_NAME SERVER_PORT SERVER_PROTOCOL SERVER_SIGNATURE SERVER_SOFTWARE ' +
    'SSL_CIPHER SSL_PROTOCOL SSL_TLS_SNI'
  ).split(' '),
);
/** Of header fields; a program takes HTTP_PROXY for a proxy of its own (httpoxy, CVE-2016-5385). */
const isOfHeader = (name: string): boolean => /^HTTP_[A-Z0-9_]+$/.test(name) && name !== 'HTTP_PROXY';

/** Whether a file is one of the pool's programs. @param path a byte string */
export function isScriptOf(rules: CgiRules, path: string): boolean {
  if (!path.startsWith('/') || /\0|\/\.{1,2}(?:\/|$)/.test(path)) return false;
  const real = realPath(path);
  if (real === null || !isFile(path)) return false;
  return rules.places.some((place) => {
    const root = realPath(textToBytes(place.root));
    if (root === null) return false;
    const folders = [root, ...place.linkFolders.map((one) => realPath(textToBytes(one)) ?? '\0')];
    if (!folders.some((folder) => isWithin(real, folder))) return false;
    // The service may name it by the root as it is written, or as it really is.
    const spellings = [root, textToBytes(place.root.replace(/\/+$/, ''))];
    return spellings.some((spelling) => isWithin(path, spelling) && isTaken(place, path.slice(spelling.length)));
  });
}

/** What of the variables a program is given; others are left out. Byte strings. */
export function allowedVariables(
  { env, added }: CgiRules,
  asked: Readonly<Record<string, string>>,
): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) variables[name] = textToBytes(value);
  for (const [name, value] of Object.entries(asked)) {
    if (value.includes('\0')) continue;
    if (variableNames.has(name) || isOfHeader(name)) variables[name] = value;
    else if (added[name]?.some((one) => textToBytes(one) === value)) variables[name] = value;
  }
  return variables;
}

function isTaken({ prefix, match }: ScriptPlace, below: string): boolean {
  const pattern = parsePattern(match);
  return pattern !== null && isMatch(pattern, textToBytes(prefix) + below);
}

function isWithin(path: string, folder: string): boolean {
  return path.startsWith(folder === '/' ? '/' : `${folder}/`);
}

function realPath(path: string): string | null {
  try {
    return realpathSync
      .native(Buffer.from(path, 'latin1'), 'buffer')
      .toString('latin1')
      .replace(/(.)\/+$/, '$1');
  } catch {
    return null;
  }
}

function isFile(path: string): boolean {
  return statSync(Buffer.from(path, 'latin1'), { throwIfNoEntry: false })?.isFile() ?? false;
}
