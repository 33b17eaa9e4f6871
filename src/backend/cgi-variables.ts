// The environment of a CGI program: what the configuration says, and over it the request's CGI variables. Pure.

import type { Environment } from '../protocol/cgi/exchange.ts';

/** As Node takes it: JavaScript text, which it gives to the program as UTF-8. Bytes that are no UTF-8 arrive as U+FFFD. */
export function cgiVariables(
  configured: Readonly<Record<string, string>>,
  environment: Environment,
): Record<string, string> {
  const variables: Record<string, string> = { ...configured };
  for (const [name, value] of Object.entries(environment)) variables[name] = textOf(value);
  // RFC 3875, 4.1.6. FastCGI programs are not sent it: see the comment in `protocol/cgi/environment.ts`.
  const { DOCUMENT_ROOT: root, PATH_INFO: pathInfo } = environment;
  if (root !== undefined && pathInfo !== undefined) variables.PATH_TRANSLATED = textOf(root + pathInfo);
  return variables;
}

/** A byte string as text. */
export function textOf(bytes: string): string {
  return /[\x80-\xff]/.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes;
}
