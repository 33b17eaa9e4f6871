// The CGI variables of a request as embedded PHP takes them. Pure.

import type { PHPRunOptions } from '@php-wasm/universal';
import type { Environment } from '../../../src/protocol/cgi/exchange.ts';

/** What PHP is told of a request, but its body. */
export type PhpVariables = Required<Pick<PHPRunOptions, 'scriptPath' | 'relativeUri' | 'headers' | '$_SERVER'>> & {
  readonly method: string;
};

/** Variables that PHP reads for itself, by the name of the header that they came in. */
const headers: Readonly<Record<string, string>> = {
  HTTP_HOST: 'host',
  HTTP_COOKIE: 'cookie',
  CONTENT_TYPE: 'content-type',
};

/** PHP's own variables are made from the environment as php-cgi does; all of it becomes $_SERVER. */
export function phpVariables(environment: Environment): PhpVariables {
  const server: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) server[name] = text(value);
  const uri = server.REQUEST_URI ?? server.SCRIPT_NAME ?? '/';
  return {
    scriptPath: server.SCRIPT_FILENAME ?? '',
    relativeUri: uri,
    method: server.REQUEST_METHOD ?? 'GET',
    headers: Object.fromEntries(
      Object.entries(headers).flatMap(([name, header]) => (server[name] ? [[header, server[name]]] : [])),
    ),
    $_SERVER: {
      ...server,
      PHP_SELF: `${server.SCRIPT_NAME ?? ''}${server.PATH_INFO ?? ''}`,
      ...basicCredentials(server.HTTP_AUTHORIZATION),
    },
  };
}

/** A byte string as PHP's interface takes it: JavaScript text that is encoded as UTF-8. */
function text(bytes: string): string {
  return /[\x80-\xff]/.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes;
}

function basicCredentials(authorization: string | undefined): Record<string, string> {
  const match = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '');
  if (!match) return {};
  const [user, ...password] = Buffer.from(match[1]!, 'base64').toString('utf8').split(':');
  return password.length === 0 ? {} : { PHP_AUTH_USER: user!, PHP_AUTH_PW: password.join(':') };
}
