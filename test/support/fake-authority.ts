// An authority that does as a test says: it issues for every name without a look, for as short a time as is wanted, and what it answers can be changed. Signatures
// are pebble's to check.

import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Authority, makeAuthority } from '../../src/tls/certificate-maker.ts';
import { testAuthority, testCertificate } from './certificates.ts';
import { temporaryFolder } from './folder.ts';

/** What it answers in place of what it would. */
export interface FakeAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface FakeAuthority {
  readonly directory: string;
  /** The file that its own certificate is checked with. */
  readonly ca: string;
  /** Paths that were asked for, in order, with what was sent. */
  readonly asked: { readonly path: string; readonly payload: Readonly<Record<string, unknown>> }[];
  /** How often a path was asked for. */
  count(path: string): number;
  /** How long what it issues is valid, and how long it has been already. */
  lifetime: { lifetimeMs: number; ageMs: number };
  /** Its answers to paths, in place of the usual; undefined: the usual one. */
  answer: (path: string) => FakeAnswer | undefined;
}

/** Starts it. @param meta what its directory says besides */
export async function startFakeAuthority(
  t: { after: TestContext['after'] },
  meta: object = {},
): Promise<FakeAuthority> {
  const folder = temporaryFolder(t);
  const own = await testCertificate(['127.0.0.1']);
  writeFileSync(join(folder, 'ca.pem'), (await testAuthority()).certificate);
  const issuer = await makeAuthority('A fake authority', 86_400_000);
  const issued = new Map<string, Buffer>();
  const names = new Map<string, string>();
  let number = 0;
  const server: Server = createServer({ cert: own.chain, key: own.key });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const base = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const fake: FakeAuthority = {
    directory: `${base}/directory`,
    ca: join(folder, 'ca.pem'),
    asked: [],
    count: (path) => fake.asked.filter((one) => one.path.startsWith(path)).length,
    lifetime: { lifetimeMs: 86_400_000, ageMs: 60_000 },
    answer: () => undefined,
  };
  const order = (id: string) => ({
    status: issued.has(id) ? 'valid' : 'ready',
    identifiers: [{ type: 'dns', value: names.get(id) }],
    authorizations: [`${base}/authorization/${id}`],
    finalize: `${base}/finalize/${id}`,
    certificate: `${base}/certificate/${id}`,
  });
  const usual = async (path: string, payload: Record<string, unknown>): Promise<FakeAnswer> => {
    const [, what = '', id = ''] = path.split('/');
    if (what === 'directory') {
      const at = (name: string): string => `${base}/${name}`;
      return { body: { newNonce: at('nonce'), newAccount: at('account'), newOrder: at('order'), ...meta } };
    }
    if (what === 'nonce') return {};
    if (what === 'account')
      return { status: 201, headers: { location: `${base}/account/1` }, body: { status: 'valid' } };
    if (what === 'order' && id === '') {
      number += 1;
      names.set(String(number), (payload.identifiers as { value: string }[])[0]!.value);
      return { status: 201, headers: { location: `${base}/order/${number}` }, body: order(String(number)) };
    }
    if (what === 'order') return { body: order(id) };
    if (what === 'authorization') return { body: { status: 'valid' } };
    if (what === 'finalize') {
      issued.set(id, await issue(issuer, String(payload.csr), names.get(id)!, fake.lifetime));
      return { body: order(id) };
    }
    return what === 'certificate' ? { body: issued.get(id) } : { status: 404, body: {} };
  };
  server.on('request', async (request, response) => {
    const path = request.url ?? '';
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const payload = payloadOf(Buffer.concat(chunks).toString());
    fake.asked.push({ path, payload });
    const { status = 200, headers = {}, body = {} } = fake.answer(path) ?? (await usual(path, payload));
    response.writeHead(status, { 'replay-nonce': `nonce${fake.asked.length}`, ...headers });
    response.end(Buffer.isBuffer(body) ? body : JSON.stringify(body));
  });
  return fake;
}

function payloadOf(text: string): Record<string, unknown> {
  const { payload = '' } = text === '' ? {} : (JSON.parse(text) as { payload?: string });
  return payload === '' ? {} : (JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>);
}

/** Signs what was asked for. */
async function issue(
  issuer: Authority,
  request: string,
  name: string,
  { lifetimeMs, ageMs }: { lifetimeMs: number; ageMs: number },
): Promise<Buffer> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const wanted = new x509.Pkcs10CertificateRequest(Buffer.from(request, 'base64url'));
  const authority = new x509.X509Certificate(issuer.certificate.toString());
  const bytes = Buffer.from(issuer.key.toString().replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: `00${Buffer.from(`${name}${Date.now()}`).toString('hex').slice(-16)}`,
    notBefore: new Date(Date.now() - ageMs),
    notAfter: new Date(Date.now() + lifetimeMs),
    signingAlgorithm: algorithm,
    subject: `CN=${name}`,
    issuer: authority.subjectName,
    publicKey: await wanted.publicKey.export(),
    signingKey: await crypto.subtle.importKey('pkcs8', bytes, algorithm, false, ['sign']),
    extensions: [
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }]),
      await x509.AuthorityKeyIdentifierExtension.create(authority),
    ],
  });
  return Buffer.from(`${made.toString('pem')}\n${issuer.certificate.toString()}`);
}
