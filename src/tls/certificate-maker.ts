// Makes certificates (RFC 5280), and requests for them: for a site until it has a real one, for a developer's machine, for an authority that
// looks whether a name is ours. Keys are of the curve P-256.
//
// The library is loaded when the first one is made: most services never do.

import { randomBytes, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Extension, X509Certificate as MadeCertificate, Name } from '@peculiar/x509';
import { type Certificate, factsOf } from './certificate.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Clocks differ: what is made is valid from some time ago. */
const skewMs = 3_600_000;

/** What a certificate is to say. */
export interface Wanted {
  /** Names and IP addresses that it is for. */
  readonly names: readonly string[];
  /** What people are shown. */
  readonly title: string;
  readonly lifetimeMs: number;
  /** How long it counts as valid already. @default an hour at most, since clocks differ */
  readonly ageMs?: number;
  /** Only for an authority's question about a name: the digest that it wants to see (RFC 8737, section 3). */
  readonly acmeDigest?: Buffer;
  /** For programs that show who they are. @default servers */
  readonly isForClients?: boolean;
}

/** Who signs certificates. */
export interface Authority {
  readonly certificate: Buffer;
  readonly key: Buffer;
}

async function load() {
  // The library's own library asks for it, and does not bring it.
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

/** Makes a certificate that an authority has signed. @param authority null: it signs itself */
export async function makeCertificate(wanted: Wanted, authority: Authority | null = null): Promise<Certificate> {
  const x509 = await load();
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const extensions: Extension[] = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[wanted.isForClients ? 'clientAuth' : 'serverAuth']]),
    ...(wanted.names.length === 0 ? [] : [alternativeNames(x509, wanted.names)]),
    ...(wanted.acmeDigest === undefined ? [] : [acmeExtension(x509, wanted.acmeDigest)]),
  ];
  const subject = subjectOf(x509, wanted.title);
  const issuer = authority === null ? null : new x509.X509Certificate(Buffer.from(authority.certificate).toString());
  const made = await x509.X509CertificateGenerator.create({
    ...base(wanted.lifetimeMs, wanted.ageMs),
    subject,
    issuer: issuer?.subjectName ?? subject,
    publicKey: keys.publicKey,
    signingKey: authority === null ? keys.privateKey : await importKey(authority.key),
    extensions:
      issuer === null ? extensions : [...extensions, await x509.AuthorityKeyIdentifierExtension.create(issuer)],
  });
  return certificateOf(
    made,
    issuer === null ? '' : Buffer.from(authority!.certificate).toString(),
    await exportKey(keys.privateKey),
  );
}

/**
 * Makes an authority.
 * @param title what a list of authorities shows
 * @param isLocal it is good for names and addresses of its own machine, and for nothing else
 */
export async function makeAuthority(title: string, lifetimeMs: number, isLocal = false): Promise<Authority> {
  const x509 = await load();
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const subject = subjectOf(x509, title);
  const made = await x509.X509CertificateGenerator.create({
    ...base(lifetimeMs),
    subject,
    issuer: subject,
    publicKey: keys.publicKey,
    signingKey: keys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...(isLocal ? [localNamesOnly(x509)] : []),
    ],
  });
  return { certificate: pem(made), key: await exportKey(keys.privateKey) };
}

/** Asks for a certificate (RFC 2986). @returns the request in DER, and the new key that it is for */
export async function makeRequest(names: readonly string[]): Promise<{ readonly der: Buffer; readonly key: Buffer }> {
  const x509 = await load();
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: algorithm,
    extensions: [alternativeNames(x509, names)],
  });
  return { der: Buffer.from(request.rawData), key: await exportKey(keys.privateKey) };
}

type Library = typeof import('@peculiar/x509');

function base(lifetimeMs: number, ageMs = Math.min(skewMs, lifetimeMs)) {
  const now = Date.now();
  return {
    // Positive, and not zero in its first byte.
    serialNumber: `5${randomBytes(15).toString('hex').slice(1)}`,
    notBefore: new Date(now - ageMs),
    notAfter: new Date(now + lifetimeMs),
    signingAlgorithm: algorithm,
  };
}

function subjectOf(x509: Library, title: string): Name {
  return new x509.Name([{ CN: [title] }]);
}

function alternativeNames(x509: Library, names: readonly string[]): Extension {
  return new x509.SubjectAlternativeNameExtension(
    names.map((name) => ({ type: isIP(name) === 0 ? ('dns' as const) : ('ip' as const), value: name })),
  );
}

/** id-ce-nameConstraints (RFC 5280, section 4.2.1.10), critical: whoever stole the key could speak for no name of the Internet. */
function localNamesOnly(x509: Library): Extension {
  const permitted = [
    der(0x82, Buffer.from('localhost')),
    der(0x87, Buffer.from('7f000000ff000000', 'hex')),
    der(0x87, Buffer.from(`${'00'.repeat(15)}01${'ff'.repeat(16)}`, 'hex')),
  ];
  const subtrees = der(0xa0, Buffer.concat(permitted.map((name) => der(0x30, name))));
  return new x509.Extension('2.5.29.30', true, der(0x30, subtrees));
}

/** One value of less than 128 bytes. */
function der(tag: number, content: Buffer): Buffer<ArrayBuffer> {
  return Buffer.concat([Buffer.from([tag, content.length]), content]);
}

/** id-pe-acmeIdentifier: an OCTET STRING with the digest, critical. */
function acmeExtension(x509: Library, digest: Buffer): Extension {
  return new x509.Extension('1.3.6.1.5.5.7.1.31', true, der(0x04, digest));
}

function certificateOf(made: MadeCertificate, issuer: string, key: Buffer): Certificate {
  const chain = Buffer.concat([pem(made), Buffer.from(issuer)]);
  return { chain, key, facts: factsOf(new X509Certificate(chain)) };
}

const pem = (made: MadeCertificate): Buffer => Buffer.from(`${made.toString('pem')}\n`);

async function exportKey(key: CryptoKey): Promise<Buffer> {
  const bytes = Buffer.from(await crypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return Buffer.from(
    `-----BEGIN PRIVATE KEY-----\n${bytes.match(/.{1,64}/g)!.join('\n')}\n-----END PRIVATE KEY-----\n`,
  );
}

function importKey(key: Buffer): Promise<CryptoKey> {
  const bytes = Buffer.from(
    Buffer.from(key)
      .toString()
      .replace(/-----[^-]+-----|\s/g, ''),
    'base64',
  );
  return crypto.subtle.importKey('pkcs8', bytes, algorithm, false, ['sign']);
}
