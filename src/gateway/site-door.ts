// What a site asks of whoever comes to it, before its routes: the right address, and the right client certificate. Pure.

import { PosternError } from '../errors.ts';
import { fieldValue } from '../protocol/http/headers.ts';
import { parseHost } from '../protocol/http/host.ts';
import type { HttpRequest, Peer } from './message.ts';
import type { Client } from './request-client.ts';
import type { ClientCertificates, SecurePlace, Site } from './site.ts';

type Door = Pick<Site, 'redirect' | 'secure'>;

/** Whether a site asks anything: nothing is looked at for one that does not. */
export function asksAnything({ redirect, clients }: Pick<Site, 'redirect' | 'clients'>): boolean {
  return redirect !== null || clients !== null;
}

/** Where a request is sent instead, since its site is elsewhere; null: it came to the right place. */
export function otherOrigin({ redirect, secure }: Door, request: HttpRequest, client: Client): string | null {
  const { target } = request;
  if (redirect === null || target === '*') return null;
  if (redirect === 'https') {
    if (client.secure) return null;
    return `https://${client.serverName.replace(/\.$/, '')}${portFor(secure, request, client)}${target}`;
  }
  const { protocol, hostname } = new URL(redirect);
  const scheme = client.secure ? 'https:' : 'http:';
  // Not by its port: what is before us may have another one than ours.
  return scheme === protocol && client.serverName === hostname ? null : `${redirect}${target}`;
}

/** What is said of the port by HTTPS: ours, for a client that names the port which we listen on by HTTP. Else somebody before us has other ports. */
function portFor(secure: SecurePlace | null, request: HttpRequest, client: Client): string {
  // A proxy has told of the client.
  if (secure === null || client.host !== null) return '';
  const host = parseHost(fieldValue(request.headers, 'host') ?? '');
  return host !== null && secure.plainPorts.includes(host.port ?? 80) ? `:${secure.port}` : '';
}

/** @throws CLIENT_CERTIFICATE_NEEDED; MISDIRECTED for a connection that was made for another site (RFC 9110, section 15.5.20) */
export function checkClientCertificate(clients: ClientCertificates | null, { tls }: Peer): void {
  const rule = clients?.rule ?? null;
  if (tls !== undefined && tls.clientRule !== rule) {
    throw new PosternError(
      'MISDIRECTED',
      'the connection was made for another site, whose rule about client certificates is another one',
    );
  }
  if (clients === null || !clients.required || tls?.isClientKnown === true) return;
  const verdict = tls?.variables.SSL_CLIENT_VERIFY;
  const why =
    tls === undefined
      ? 'the client did not come by TLS'
      : verdict === 'NONE'
        ? 'the client showed no certificate'
        : `the certificate of the client is no good: ${verdict?.slice(7)}`;
  throw new PosternError('CLIENT_CERTIFICATE_NEEDED', why);
}
