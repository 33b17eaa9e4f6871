// When an authority would like a certificate to be renewed (RFC 9773): earlier than usual, before it takes many of them back.

import { X509Certificate } from 'node:crypto';
import type { Certificate } from '../tls/certificate.ts';
import type { AcmeConnection } from './acme-connection.ts';

/** What it has said. Times are since 1970. */
export interface RenewalAdvice {
  readonly atMs: number;
  readonly askAgainAtMs: number;
}

const minuteMs = 60_000;
const usualPauseMs = 6 * 60 * minuteMs;
const longestPauseMs = 24 * 60 * minuteMs;

/**
 * Asks for it.
 * @param id see `certificateId`
 * @param random 0 to 1: many ask for the same window
 * @returns null: this authority gives none
 * @throws AcmeProblem
 */
export async function askForAdvice(
  connection: AcmeConnection,
  id: string,
  random: number,
): Promise<RenewalAdvice | null> {
  const { renewalInfo } = await connection.directory();
  if (renewalInfo === '') return null;
  const { json, retryAfterMs } = await connection.get(`${renewalInfo.replace(/\/$/, '')}/${id}`);
  const { start, end } = (json.suggestedWindow ?? {}) as { start?: unknown; end?: unknown };
  const [from, to] = [Date.parse(String(start)), Date.parse(String(end))];
  const pauseMs = Math.min(Math.max(retryAfterMs ?? usualPauseMs, minuteMs), longestPauseMs);
  const isWindow = Number.isFinite(from) && to >= from;
  return {
    atMs: isWindow ? from + random * (to - from) : Number.POSITIVE_INFINITY,
    askAgainAtMs: Date.now() + pauseMs,
  };
}

/** How the authority calls a certificate (section 4.1): the key that signed it, and its number; null: it does not say who signed it. */
export async function certificateId({ chain }: Pick<Certificate, 'chain'>): Promise<string | null> {
  await import('reflect-metadata');
  const { AuthorityKeyIdentifierExtension, X509Certificate: Parsed } = await import('@peculiar/x509');
  const certificate = new X509Certificate(chain);
  const issuer = new Parsed(certificate.raw).getExtension(AuthorityKeyIdentifierExtension);
  if (issuer?.keyId === undefined) return null;
  const digits = certificate.serialNumber;
  const number = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  // A number whose first bit is set would be a negative one.
  const serial = number[0]! >= 0x80 ? Buffer.concat([Buffer.from([0]), number]) : number;
  return `${Buffer.from(issuer.keyId, 'hex').toString('base64url')}.${serial.toString('base64url')}`;
}
