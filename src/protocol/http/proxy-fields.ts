// The header fields of a request that goes on to another HTTP server, and those of its answer: without what is between two neighbours on a connection
// (RFC 9110, section 7.6.1), and with what tells the server who asked. Pure.

import { fieldValue, isNamed } from './headers.ts';

const hopByHop = new Set([
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'],
]);

/** Of a request: what the framing is told by, what we answer ourselves, and what only we can say. */
const ownOfRequest = new Set([
  ...['content-length', 'expect', 'host', 'proxy-authorization'],
  ...['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port', 'forwarded', 'proxy'],
]);

/** Who asked. */
export interface ForwardedClient {
  /** Address of the one whose connection it came on; empty for a Unix socket. */
  readonly peer: string;
  /** Whether that is a proxy whose word counts. */
  readonly isTrusted: boolean;
  readonly scheme: 'http' | 'https';
  /** As the client wrote it. */
  readonly host: string;
}

/**
 * The fields that go on.
 * @param host what the server is told as Host
 * @returns name, value, name, value
 */
export function forwardedFields(headers: readonly string[], client: ForwardedClient, host: string): string[] {
  const dropped = connectionNames(headers);
  const fields = ['Host', host];
  for (let i = 0; i < headers.length; i += 2) {
    const lower = headers[i]!.toLowerCase();
    if (hopByHop.has(lower) || ownOfRequest.has(lower) || dropped.has(lower)) continue;
    // "X_Forwarded_For" is the same to many a server.
    if (lower.includes('_')) continue;
    fields.push(headers[i]!, headers[i + 1]!);
  }
  const told = client.isTrusted ? fieldValue(headers, 'x-forwarded-for') : undefined;
  const peer = client.peer === '' ? 'unix:' : client.peer;
  fields.push('X-Forwarded-For', told === undefined ? peer : `${told}, ${peer}`);
  fields.push('X-Forwarded-Proto', client.scheme, 'X-Forwarded-Host', client.host);
  return fields;
}

/** The fields of the server's answer that reach the client. */
export function answeredFields(headers: readonly string[]): string[] {
  const dropped = connectionNames(headers);
  const fields: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const lower = headers[i]!.toLowerCase();
    if (!hopByHop.has(lower) && !dropped.has(lower)) fields.push(headers[i]!, headers[i + 1]!);
  }
  return fields;
}

/**
 * Whether a request asks to become a WebSocket (RFC 6455, section 4.1). Another protocol is not asked for: with "h2c" a client would talk to the server
 * behind our back.
 */
export function asksForWebSocket(method: string, headers: readonly string[]): boolean {
  const isUpgrade = fieldValue(headers, 'upgrade')?.trim().toLowerCase() === 'websocket';
  return isUpgrade && method === 'GET' && connectionNames(headers).has('upgrade');
}

/** What a Connection field names, in lower case. */
function connectionNames(headers: readonly string[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (let i = 0; i < headers.length; i += 2) {
    if (!isNamed(headers[i]!, 'connection')) continue;
    for (const name of headers[i + 1]!.split(',')) names.add(name.trim().toLowerCase());
  }
  return names;
}
