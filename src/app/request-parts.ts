// From CGI variables to what a Web Request has: its URL and its headers (RFC 3875, section 4.1). Pure.

import type { Environment } from '../protocol/cgi/exchange.ts';

/** The absolute URL that the client asked for; bytes that are not ASCII are percent-encoded. */
export function urlOf(environment: Readonly<Environment>): string {
  const { HTTPS, REQUEST_SCHEME, REQUEST_URI, SCRIPT_NAME, PATH_INFO, QUERY_STRING } = environment;
  const scheme = REQUEST_SCHEME || (HTTPS !== undefined && /^(?:on|1)$/i.test(HTTPS) ? 'https' : 'http');
  let target = REQUEST_URI;
  if (target === undefined || target === '') {
    target = `${SCRIPT_NAME ?? ''}${PATH_INFO ?? ''}`.replace(/[%?#]/g, encodeURIComponent);
    if (QUERY_STRING) target += `?${QUERY_STRING}`;
  }
  // "//evil.example/" behind a host would be read as a path; without one, or in absolute form, it would name the host.
  const path = target.startsWith('/') ? target : target.startsWith('http') ? pathOf(target) : `/${target}`;
  return `${scheme}://${hostOf(environment)}${escapeBytes(path)}`;
}

/** Headers as name, value pairs, names in lower case. */
export function headersOf(environment: Readonly<Environment>): [string, string][] {
  const headers: [string, string][] = [];
  for (const name in environment) {
    // nginx sends both, and the variables without a prefix are the ones that count.
    if (name === 'HTTP_CONTENT_TYPE' || name === 'HTTP_CONTENT_LENGTH') continue;
    if (name.startsWith('HTTP_') && name.length > 5) {
      headers.push([name.slice(5).toLowerCase().replaceAll('_', '-'), environment[name]!]);
    }
  }
  if (environment.CONTENT_TYPE) headers.push(['content-type', environment.CONTENT_TYPE]);
  if (environment.CONTENT_LENGTH) headers.push(['content-length', environment.CONTENT_LENGTH]);
  return headers;
}

function hostOf({ HTTP_HOST, SERVER_NAME, SERVER_PORT }: Readonly<Environment>): string {
  if (HTTP_HOST && /^[A-Za-z0-9._~[\]:-]+$/.test(HTTP_HOST)) return HTTP_HOST;
  const name = SERVER_NAME && /^[A-Za-z0-9._~[\]:-]+$/.test(SERVER_NAME) ? SERVER_NAME : 'localhost';
  const bracketed = name.includes(':') && !name.startsWith('[') ? `[${name}]` : name;
  return SERVER_PORT && /^\d{1,5}$/.test(SERVER_PORT) ? `${bracketed}:${SERVER_PORT}` : bracketed;
}

function pathOf(absolute: string): string {
  const match = /^https?:\/\/[^/?#]*(.*)$/.exec(absolute);
  return match === null ? `/${absolute}` : match[1]!.startsWith('/') ? match[1]! : `/${match[1]}`;
}

function escapeBytes(text: string): string {
  if (!/[^\x21-\x7e]/.test(text)) return text;
  return text.replace(/[^\x21-\x7e]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
