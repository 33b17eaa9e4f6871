// Two kinds of keys for one site, and clients whose certificates were revoked.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { ConfigInput } from '../../src/config/config-schema.ts';
import { defineConfig } from '../../src/config/define-config.ts';
import { createService } from '../../src/service/service.ts';
import { testAuthority, testCertificate, writeCertificate } from '../support/certificates.ts';
import { findProgram, temporaryFolder } from '../support/folder.ts';
import { freePort } from '../support/server-process.ts';
import { askByTls } from '../support/tls-client.ts';

async function workshop(t: TestContext) {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'root'));
  writeFileSync(join(folder, 'root', 'index.html'), 'the page');
  const port = await freePort();
  const ecdsa = await testCertificate(['a.test']);
  const own = writeCertificate(folder, 'ecdsa', ecdsa);
  const config = (site: NonNullable<ConfigInput['site']>[string]) => {
    const main = { host: 'a.test', listen: `https://127.0.0.1:${port}`, root: 'root', tls: own, ...site };
    return defineConfig({ site: { main } }, folder);
  };
  const start = async (site: NonNullable<ConfigInput['site']>[string]) => {
    const service = createService(config(site), { runtimeBase: join(folder, 'run') });
    t.after(() => service.destroy());
    await service.start();
    return service;
  };
  return { folder, port, ecdsa, own, config, start };
}

/** A list of certificates that the tests' authority has revoked. */
async function revokedList(serialNumbers: readonly string[], ageMs = 60_000): Promise<string> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const authority = await testAuthority();
  const key = Buffer.from(authority.key.toString().replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  // Without one the library writes an empty list of extensions, which OpenSSL does not take.
  const reason = x509.X509CrlReason.keyCompromise;
  const list = await x509.X509CrlGenerator.create({
    issuer: new x509.X509Certificate(authority.certificate.toString()).subjectName,
    thisUpdate: new Date(Date.now() - ageMs),
    nextUpdate: new Date(Date.now() + 86_400_000),
    entries: serialNumbers.map((serialNumber) => ({
      serialNumber,
      revocationDate: new Date(Date.now() - ageMs),
      reason,
    })),
    signingAlgorithm: algorithm,
    signingKey: await crypto.subtle.importKey('pkcs8', key, algorithm, false, ['sign']),
  });
  // OpenSSL knows it by this name.
  return `${list.toString('pem').replaceAll(' CRL-', ' X509 CRL-')}\n`;
}

describe('a site with two kinds of keys', () => {
  it('gives each client the certificate that it can use', async (t) => {
    const openssl = findProgram('openssl');
    if (openssl === null) {
      t.skip('openssl is not installed');
      return;
    }
    const { folder, port, ecdsa, own, start } = await workshop(t);
    const [certificate, key] = [join(folder, 'rsa.pem'), join(folder, 'rsa.key')];
    const names = ['-subj', '/CN=a.test', '-addext', 'subjectAltName=DNS:a.test'];
    const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...names];
    execFileSync(openssl, [...made, '-out', certificate, '-keyout', key], { stdio: 'ignore' });
    await start({ tls: { certificate: [own.certificate, certificate], key: [own.key, key] } });
    const rsa = new X509Certificate(readFileSync(certificate)).fingerprint256.replaceAll(':', '').toLowerCase();
    const shownFor = async (options: object): Promise<string> =>
      (await askByTls(port, { name: 'a.test', options: { rejectUnauthorized: false, ...options } })).fingerprint;
    assert.equal(await shownFor({ sigalgs: 'ecdsa_secp256r1_sha256' }), ecdsa.facts.fingerprint);
    assert.equal(await shownFor({ sigalgs: 'rsa_pss_rsae_sha256' }), rsa);
    const old = { maxVersion: 'TLSv1.2' } as const;
    assert.equal(await shownFor({ ...old, ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }), rsa);
    assert.equal(await shownFor({ ...old, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }), ecdsa.facts.fingerprint);
    assert.equal(await shownFor({}), ecdsa.facts.fingerprint, 'the first one, where both will do');
  });
});

describe('clients whose certificates were revoked', () => {
  it('are refused from the next reload on, sessions of before included', async (t) => {
    const { folder, port, config, start } = await workshop(t);
    writeFileSync(join(folder, 'clients.pem'), (await testAuthority()).certificate);
    writeFileSync(join(folder, 'revoked.pem'), await revokedList(['0123']));
    const site = { clientCertificates: { authority: 'clients.pem', revoked: 'revoked.pem' } };
    const service = await start(site);
    const client = () => testCertificate([], { title: 'a client', isForClients: true });
    const [good, bad] = [await client(), await client()];
    const ask = ({ chain, key }: typeof good, more = {}) =>
      askByTls(port, { name: 'a.test', options: { cert: chain, key, ...more } });
    const before = await ask(bad);
    assert.deepEqual([before.status, (await ask(good)).status], [200, 200]);
    const { serialNumber } = new X509Certificate(bad.chain);
    writeFileSync(join(folder, 'revoked.pem'), await revokedList(['0123', serialNumber]));
    writeFileSync(join(folder, 'broken.pem'), '-----BEGIN X509 CRL-----\nbm9uZQ==\n-----END X509 CRL-----\n');
    const broken = { clientCertificates: { ...site.clientCertificates, revoked: 'broken.pem' } };
    const refused = await service.reload([], config(broken));
    assert.match(
      refused.message,
      /clientCertificates in \[site\.main\].*broken\.pem holds no list of revoked certificates/,
    );
    const reloaded = await service.reload([], config(site));
    assert.equal(reloaded.ok, true, reloaded.message);
    assert.equal((await ask(bad)).status, 403);
    assert.equal((await ask(bad, { session: before.session! })).status, 403);
    assert.equal((await ask(good)).status, 200);
  });
});
