// The CGI variables of a request as people think of it: a method, a URL, header fields and a script. Pure.

import { makeEnvironment } from '../protocol/cgi/environment.ts';
import type { Environment } from '../protocol/cgi/exchange.ts';
import { HeaderNames } from '../protocol/cgi/header-variables.ts';

/** A request to an application, in the words of HTTP. All text is text; it is sent as UTF-8. */
export interface ParamsSource {
  /** @default 'GET' */
  readonly method?: string | undefined;
  /** Path and query, as in a request line: "/index.php/a?b=c". @default '/' */
  readonly url?: string | undefined;
  /** The script's file, absolute, as the application sees it; PHP needs it. Left out: an application that is no file. */
  readonly script?: string | undefined;
  /**
   * The part of the URL's path that is the script's or the application's own; what follows it is PATH_INFO.
   * @default the whole path, or up to the name of the script's file where that is in it
   */
  readonly scriptName?: string | undefined;
  /** @default the script's path without `scriptName`, where it ends with that */
  readonly documentRoot?: string | undefined;
  /** Header fields: names and values. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Variables that are sent besides these, or in their place. */
  readonly params?: Readonly<Record<string, string>> | undefined;
}

/**
 * Makes CGI variables, as a web server on 127.0.0.1 would.
 * @param contentLength exact length of the body in bytes; null: there is none, or it is not known
 * @returns names and values as byte strings
 */
export function makeParams(source: ParamsSource, contentLength: number | null = null): Environment {
  const { method = 'GET', url = '/', script, headers = {}, params = {} } = source;
  const target = toByteString(url);
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const scriptFile = script === undefined ? null : toByteString(script);
  const scriptName = source.scriptName === undefined ? ownPath(path, scriptFile) : toByteString(source.scriptName);
  const environment = makeEnvironment(
    {
      method,
      target,
      version: '1.1',
      headers: Object.entries(headers).flatMap(([name, value]) => [name, toByteString(value)]),
      query: mark < 0 ? '' : target.slice(mark + 1),
      scriptName,
      pathInfo: path.startsWith(scriptName) ? path.slice(scriptName.length) : '',
      scriptFile,
      documentRoot:
        source.documentRoot === undefined ? rootOf(scriptFile, scriptName) : toByteString(source.documentRoot),
      contentLength,
      serverName: 'localhost',
      serverPort: 80,
      serverAddress: '127.0.0.1',
      remoteAddress: '127.0.0.1',
      remotePort: 0,
      secure: false,
      configured: {},
    },
    new HeaderNames(),
  );
  for (const [name, value] of Object.entries(params)) environment[toByteString(name)] = toByteString(value);
  return environment;
}

/** The path up to and with the name of the script's file, or all of it. */
function ownPath(path: string, scriptFile: string | null): string {
  const name = scriptFile?.slice(scriptFile.lastIndexOf('/'));
  if (name === undefined) return path;
  if (path === '/') return name;
  const at = `${path}/`.indexOf(`${name}/`);
  return at < 0 ? path : path.slice(0, at + name.length);
}

function rootOf(scriptFile: string | null, scriptName: string): string | null {
  if (scriptFile === null) return null;
  return scriptFile.endsWith(scriptName)
    ? scriptFile.slice(0, -scriptName.length)
    : scriptFile.slice(0, scriptFile.lastIndexOf('/'));
}

/** Text as a byte string: the bytes of its UTF-8. */
function toByteString(text: string): string {
  // Most variables are ASCII, which is the same in both.
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text).toString('latin1');
}
