// Client certificates (mutual TLS): by which rule a site judges them, and what programs are told of one, in mod_ssl's words.

import { createHash, type X509Certificate } from 'node:crypto';
import { createSecureContext, type TLSSocket, type TlsOptions } from 'node:tls';
import type { ConnectionTls } from '../gateway/message.ts';
import { textToBytes } from '../protocol/text.ts';

/** By which rule clients are judged. */
export interface ClientRule {
  /** The same text for the same rule: sessions are resumed under the rule that they were made under, and no other. */
  readonly id: string;
  /** PEM: the authorities whose certificates are good. */
  readonly authority: Buffer;
  /** PEM: the authorities' lists of certificates that are so no more; null: none. */
  readonly revoked: Buffer | null;
  /** The variable that becomes REMOTE_USER ("SSL_CLIENT_S_DN_CN"); null: none does. */
  readonly user: string | null;
}

/** Makes a rule. */
export function clientRule(authority: Buffer, revoked: Buffer | null, user: string | null): ClientRule {
  const hash = createHash('sha256')
    .update(authority)
    .update('\0')
    .update(revoked ?? '')
    .update('\0')
    .update(user ?? '');
  return { id: hash.digest('hex').slice(0, 32), authority, revoked, user };
}

/** Whether OpenSSL takes it for lists of revoked certificates. */
export function isRevokedList(pem: Buffer): boolean {
  try {
    createSecureContext({ crl: pem });
    return true;
  } catch {
    return false;
  }
}

/** What a listener is told for a rule. Whoever shows no good certificate is let through the handshake: the answer says then what is missing. */
export function ruleSettings({ authority, revoked }: ClientRule): TlsOptions {
  return {
    requestCert: true,
    rejectUnauthorized: false,
    ca: Buffer.from(authority),
    ...(revoked !== null && { crl: Buffer.from(revoked) }),
  };
}

/** What is known of a connection. @param rule null: no certificate was asked for */
export function describeConnection(socket: TLSSocket, rule: ClientRule | null): ConnectionTls {
  const variables: Record<string, string> = {
    SSL_PROTOCOL: socket.getProtocol() ?? '',
    SSL_CIPHER: socket.getCipher().standardName,
  };
  if (typeof socket.servername === 'string') variables.SSL_TLS_SNI = socket.servername;
  if (rule === null) return { variables, clientRule: null, isClientKnown: false };
  // A session of TLS 1.3 that is resumed counts as authorized, with or without a certificate: so it has to be there, and still be valid.
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    return { variables: { ...variables, SSL_CLIENT_VERIFY: 'NONE' }, clientRule: rule.id, isClientKnown: false };
  }
  const isCurrent = Date.now() < certificate.validToDate.getTime();
  const isClientKnown = socket.authorized && isCurrent;
  const why = isCurrent ? String(socket.authorizationError ?? '') : 'CERT_HAS_EXPIRED';
  Object.assign(variables, clientVariables(certificate), {
    SSL_CLIENT_VERIFY: isClientKnown ? 'SUCCESS' : `FAILED:${why}`,
  });
  const user = rule.user === null || !isClientKnown ? undefined : variables[rule.user];
  if (user !== undefined) variables.REMOTE_USER = user;
  return { variables, clientRule: rule.id, isClientKnown };
}

/** SSL_CLIENT_*: see "Environment Variables" of mod_ssl. Byte strings. */
export function clientVariables(certificate: X509Certificate): Record<string, string> {
  const { subject, issuer, serialNumber, validFromDate, validToDate, fingerprint256, publicKey } = certificate;
  const days = Math.max(0, Math.floor((validToDate.getTime() - Date.now()) / 86_400_000));
  return {
    SSL_CLIENT_S_DN: nameInOneLine(subject),
    ...partsOf(subject, 'SSL_CLIENT_S_DN_'),
    SSL_CLIENT_I_DN: nameInOneLine(issuer),
    ...partsOf(issuer, 'SSL_CLIENT_I_DN_'),
    ...alternatives(certificate.subjectAltName ?? ''),
    SSL_CLIENT_M_SERIAL: serialNumber,
    SSL_CLIENT_V_START: inWords(validFromDate),
    SSL_CLIENT_V_END: inWords(validToDate),
    SSL_CLIENT_V_REMAIN: String(days),
    SSL_CLIENT_A_KEY: publicKey.asymmetricKeyType ?? '',
    SSL_CLIENT_FINGERPRINT: fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

/** "CN=Joe,O=Acme,C=DE" (RFC 2253) of "C=DE\nO=Acme\nCN=Joe". A line break within a value is escaped there already. */
function nameInOneLine(name: string): string {
  return textToBytes(name.split('\n').toReversed().join(','));
}

const parts = new Set(['C', 'ST', 'L', 'O', 'OU', 'CN', 'T', 'I', 'G', 'S', 'D', 'UID', 'Email']);

/** Each part of a name; the second of its kind has "_1". */
function partsOf(name: string, prefix: string): Record<string, string> {
  const found: Record<string, string> = {};
  const counts = new Map<string, number>();
  for (const line of name.split('\n')) {
    const at = line.indexOf('=');
    const type = line.slice(0, at) === 'emailAddress' ? 'Email' : line.slice(0, at);
    if (!parts.has(type)) continue;
    const count = counts.get(type) ?? 0;
    counts.set(type, count + 1);
    found[`${prefix}${type}${count === 0 ? '' : `_${count}`}`] = textToBytes(
      line.slice(at + 1).replace(/\\([,+"\\<>;= #])/g, '$1'),
    );
  }
  return found;
}

/** SSL_CLIENT_SAN_Email_n and SSL_CLIENT_SAN_DNS_n. */
function alternatives(names: string): Record<string, string> {
  const of = (kind: string, variable: string): [string, string][] =>
    [...names.matchAll(new RegExp(`(?:^|, )${kind}:([^",]+)(?=,|$)`, 'g'))].map(([, name], index) => [
      `SSL_CLIENT_SAN_${variable}_${index}`,
      textToBytes(name!),
    ]);
  return Object.fromEntries([...of('email', 'Email'), ...of('DNS', 'DNS')]);
}

/** "Nov 28 04:49:06 2026 GMT" */
function inWords(date: Date): string {
  const [, day, month, year, time] = date.toUTCString().split(' ');
  return `${month} ${Number(day) < 10 ? ` ${Number(day)}` : day} ${time} ${year} GMT`;
}
