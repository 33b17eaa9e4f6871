// A certificate with its chain and key, as a file holds them, and what is wrong with them. Pure.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { PosternError } from '../errors.ts';

/** A certificate that can be served. */
export interface Certificate {
  /** PEM: the certificate itself, then those that lead to its authority. */
  readonly chain: Buffer;
  /** PEM, not encrypted. */
  readonly key: Buffer;
  readonly facts: CertificateFacts;
}

/** What there is to be told of it. */
export interface CertificateFacts {
  /** Names and addresses that it is for. */
  readonly names: readonly string[];
  /** Who issued it, in words. */
  readonly issuer: string;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** SHA-256, in hex. */
  readonly fingerprint: string;
}

/**
 * Takes a certificate and its key.
 * @param shown what messages call the files
 * @throws CONFIG_INVALID with what is wrong and what to do
 */
export function readCertificate(
  chain: Buffer,
  key: Buffer,
  shown = { certificate: 'certificate', key: 'key' },
): Certificate {
  const refuse = (message: string): never => {
    throw new PosternError('CONFIG_INVALID', message);
  };
  const certificates = certificatesOf(chain, shown.certificate);
  const [leaf] = certificates;
  if (leaf === undefined)
    return refuse(`${shown.certificate} holds no certificate in PEM ("-----BEGIN CERTIFICATE-----")`);
  certificates.slice(1).forEach((issuer, index) => {
    const issued = certificates[index]!;
    if (issued.checkIssued(issuer) && issued.verify(issuer.publicKey)) return;
    refuse(
      `${shown.certificate}: the chain is broken: certificate ${index + 2} (${nameOf(issuer.subject)}) did not issue the one before it (${nameOf(issued.subject)}): put the site's first, then each one's issuer`,
    );
  });
  if (!leaf.checkPrivateKey(keyOf(key, shown.key))) {
    refuse(
      `${shown.key} is not the key of ${shown.certificate} (${nameOf(leaf.subject)}): name the key that it was asked for with`,
    );
  }
  try {
    createSecureContext({ cert: chain, key });
  } catch (error) {
    refuse(`${shown.certificate} cannot be used: ${(error as Error).message}`);
  }
  return { chain, key, facts: factsOf(leaf) };
}

/** The certificates of a PEM file. @throws CONFIG_INVALID */
export function certificatesOf(pem: Buffer, shown: string): X509Certificate[] {
  const blocks = pem.toString('latin1').match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw new PosternError(
        'CONFIG_INVALID',
        `${shown}: certificate ${index + 1} cannot be read: ${(error as Error).message}`,
      );
    }
  });
}

/** What there is to be told of a certificate. */
export function factsOf(certificate: X509Certificate): CertificateFacts {
  return {
    names: namesOf(certificate),
    issuer: nameOf(certificate.issuer),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

/** Those of `hosts` that a certificate is not for; a wildcard is asked for as it stands. */
export function namesMissing({ names }: CertificateFacts, hosts: readonly string[]): string[] {
  const has = new Set(names.map((name) => name.toLowerCase()));
  return hosts.filter((host) => !has.has(host) && !has.has(`*.${host.slice(host.indexOf('.') + 1)}`));
}

function namesOf({ subjectAltName = '' }: X509Certificate): string[] {
  return [...subjectAltName.matchAll(/(?:DNS|IP Address):("(?:[^"\\]|\\.)*"|[^,]*)/g)].map(([, name]) => name!.trim());
}

/** "R3, Let's Encrypt" of "C=US\nO=Let's Encrypt\nCN=R3". */
function nameOf(distinguished: string): string {
  const parts = new Map(
    distinguished.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const found = ['CN', 'O'].flatMap((part) => parts.get(part) ?? []);
  return found.length === 0 ? distinguished.replaceAll('\n', ', ') : found.join(', ');
}

function keyOf(pem: Buffer, shown: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const isEncrypted = code === 'ERR_MISSING_PASSPHRASE' || pem.includes('ENCRYPTED');
    const why = isEncrypted
      ? 'it is encrypted: take the passphrase off ("openssl pkey"), and keep the file to yourself'
      : message;
    throw new PosternError('CONFIG_INVALID', `${shown} cannot be read as a key: ${why}`);
  }
}
