// Certificates by themselves, from pebble, which looks for real, refuses good nonces and takes its time.

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { AcmeStore } from '../../src/acme/store.ts';
import type { ConfigInput } from '../../src/config/config-schema.ts';
import { defineConfig } from '../../src/config/define-config.ts';
import { createService, type Service } from '../../src/service/service.ts';
import { testAuthority, testCertificate } from '../support/certificates.ts';
import { temporaryFolder } from '../support/folder.ts';
import { noPebble, type PebbleOptions, startPebble } from '../support/pebble.ts';
import { startPostern } from '../support/postern-process.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { freePort } from '../support/server-process.ts';
import { askByTls } from '../support/tls-client.ts';
import { until } from '../support/until.ts';

type SiteInput = NonNullable<ConfigInput['site']>[string];

/** A folder with a page, pebble, and services of one site that gets its certificates from it. */
async function workshop(t: TestContext, options: PebbleOptions = {}) {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'root'));
  writeFileSync(join(folder, 'root', 'index.html'), 'the page');
  const pebble = await startPebble(t, options);
  const config = (site: SiteInput, acme: ConfigInput['acme'] = {}) =>
    defineConfig(
      {
        acme: { directory: pebble.directory, ca: pebble.ca, store: 'store', email: 'admin@example.org', ...acme },
        site: { main: { tls: 'auto', root: 'root', ...site } },
      },
      folder,
    );
  const start = async (site: SiteInput, acme: ConfigInput['acme'] = {}, threads = 1) => {
    const log = new RecordingLog();
    const service = createService(config(site, acme), { runtimeBase: join(folder, 'run'), log, threads });
    t.after(() => service.destroy());
    await service.start();
    return { service, log };
  };
  const store = new AcmeStore(join(folder, 'store'), pebble.directory);
  /** Asks as a client that trusts pebble, and the tests' own authority. */
  const ask = async (port: number, name: string) =>
    askByTls(port, { name, options: { ca: [await pebble.root(), (await testAuthority()).certificate] } });
  return { folder, pebble, config, start, store, ask };
}

/** Names that have a certificate of the authority. */
const obtained = (service: Service): string[] =>
  service.status().certificates.flatMap(({ from, name }) => (from === 'ACME' ? name : []));

const all = async (service: Service, count: number, log: RecordingLog): Promise<void> =>
  until(
    () => obtained(service).length === count,
    () => JSON.stringify([service.status().certificates, log.records]),
  );

const ordered = (log: RecordingLog): number => log.matching(/^a certificate is ordered$/).length;

describe('certificates by themselves', { skip: noPebble ?? false }, () => {
  for (const threads of [1, 3]) {
    it(`come by HTTP-01, though every request is redirected, in ${threads} threads; the store is its owner's alone`, async (t) => {
      const { folder, pebble, start, ask } = await workshop(t);
      const port = await freePort();
      const site = {
        host: ['one.example.org', 'two.example.org', 'three.example.org'],
        listen: [`https://127.0.0.1:${port}`, `127.0.0.1:${pebble.httpPort}`],
        redirect: 'https',
      };
      const { service, log } = await start(site, {}, threads);
      await all(service, 3, log);
      for (const name of ['one', 'two', 'three']) {
        const asked = await ask(port, `${name}.example.org`);
        assert.deepEqual([asked.status, asked.text], [200, 'the page']);
      }
      const [authority] = readdirSync(join(folder, 'store')).filter((name) => name !== 'proofs');
      const modeOf = (path: string): number => statSync(join(folder, 'store', path)).mode & 0o777;
      assert.deepEqual([modeOf('.'), modeOf('proofs'), modeOf(`${authority}/names`)], [0o700, 0o700, 0o700]);
      for (const file of ['account.json', 'orders.json', 'names/one.example.org.pem'])
        assert.equal(modeOf(join(authority!, file)), 0o600, file);
      // No proof, lock or half of a file is left.
      assert.deepEqual(readdirSync(join(folder, 'store', 'proofs')), []);
      const names = readdirSync(join(folder, 'store', authority!, 'names')).filter((name) => !name.endsWith('.lock'));
      assert.deepEqual(
        names.sort(),
        ['one', 'three', 'two'].map((name) => `${name}.example.org.pem`),
      );
    });
  }

  it('come by TLS-ALPN-01 where nothing listens for plain HTTP, in three threads', async (t) => {
    const { pebble, start, ask } = await workshop(t);
    const site = { host: ['a.example.org', 'b.example.org'], listen: `https://127.0.0.1:${pebble.tlsPort}` };
    const { service, log } = await start(site, {}, 3);
    await all(service, 2, log);
    assert.equal((await ask(pebble.tlsPort, 'b.example.org')).text, 'the page');
  });

  it('are stood in for until the first is there, and HTTP is served meanwhile', async (t) => {
    const { pebble, start, ask } = await workshop(t);
    await pebble.lead('late.example.org', 'nowhere');
    const port = await freePort();
    const listen = [`https://127.0.0.1:${port}`, `127.0.0.1:${pebble.httpPort}`];
    await start({ host: 'late.example.org', listen });
    const plain = await fetch(`http://127.0.0.1:${pebble.httpPort}/`);
    // fetch does not set Host: the site has one name, and this is another.
    assert.equal(plain.status, 421);
    const asked = await askByTls(port, { name: 'late.example.org', options: { rejectUnauthorized: false } });
    assert.equal(asked.text, 'the page');
    await assert.rejects(ask(port, 'late.example.org'), /self-signed/);
  });

  it('are bound to an account that was made elsewhere; without it the words of the authority are told', async (t) => {
    const key = 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W';
    const { pebble, config, start } = await workshop(t, { externalAccounts: { 'kid-1': key } });
    const site = { host: 'a.example.org', listen: `https://127.0.0.1:${pebble.tlsPort}` };
    const { service, log } = await start(site);
    await until(() => log.matching(/no certificate was obtained: .*set externalAccount in \[acme\]/).length === 1);
    assert.match(service.status().certificates[0]!.trouble ?? '', /externalAccount.*the next try is at 20/);
    // Another authority, or other settings: the failure was the name's, and holds.
    const wrong = await service.reload([], config(site, { store: 'other', externalAccount: { id: 'kid-2', key } }));
    assert.equal(wrong.ok, true, wrong.message);
    await until(() => log.matching(/no certificate was obtained: (?!.*set externalAccount)/).length === 1);
    const right = await service.reload([], config(site, { store: 'third', externalAccount: { id: 'kid-1', key } }));
    assert.equal(right.ok, true, right.message);
    await all(service, 1, log);
  });

  it('a name that is refused harms no other, waits over restarts, and is tried again when its time has come', async (t) => {
    const { pebble, start, store } = await workshop(t);
    await pebble.lead('bad.example.org', 'nowhere');
    const port = await freePort();
    const site = {
      host: ['bad.example.org', 'good.example.org'],
      listen: [`https://127.0.0.1:${port}`, `127.0.0.1:${pebble.httpPort}`],
    };
    const first = await start(site);
    await all(first.service, 1, first.log);
    assert.deepEqual(obtained(first.service), ['good.example.org']);
    await until(() => first.log.matching(/^no certificate was obtained: .*127\.0\.0\.9/).length === 1);
    await first.service.close();
    const failure = (await store.failure('bad.example.org'))!;
    assert.equal(failure.count, 1);

    const second = await start(site);
    await second.service.close();
    assert.equal(ordered(second.log), 0);
    const again = await store.failure('bad.example.org');
    assert.deepEqual(again, failure);

    await pebble.lead('bad.example.org', 'here');
    await store.keepFailure('bad.example.org', { ...failure, nextAtMs: Date.now() - 1 });
    // After a failure the other way is tried: here there is one alone.
    const third = await start(site, { challenges: ['http-01'] });
    await all(third.service, 2, third.log);
    await until(async () => (await store.failure('bad.example.org')) === null, 'the failure is forgotten');
  });

  it('are ordered once by services that share a store; any of them answers the authority, and all serve them', async (t) => {
    const { pebble, start, ask } = await workshop(t);
    const [one, other, elsewhere] = [await freePort(), await freePort(), await freePort()];
    const host = ['a.example.org', 'b.example.org', 'c.example.org'];
    const [first, second] = await Promise.all([
      start({ host, listen: [`https://127.0.0.1:${one}`, `127.0.0.1:${elsewhere}`] }, { challenges: ['http-01'] }),
      // The authority looks here alone.
      start(
        { host, listen: [`https://127.0.0.1:${other}`, `127.0.0.1:${pebble.httpPort}`] },
        { challenges: ['http-01'] },
      ),
    ]);
    await all(first.service, 3, first.log);
    await all(second.service, 3, second.log);
    assert.equal(ordered(first.log) + ordered(second.log), 3);
    for (const name of host) assert.equal((await ask(one, name)).fingerprint, (await ask(other, name)).fingerprint);
    await first.service.close();
    const third = await start({ host, listen: `https://127.0.0.1:${one}` });
    // From the store, at once.
    assert.deepEqual(obtained(third.service), host);
    assert.equal(ordered(third.log), 0);
    assert.equal((await ask(one, host[0]!)).fingerprint, (await ask(other, host[0]!)).fingerprint);
  });

  it('are renewed with a third of their life left, however short, without a failed request', async (t) => {
    const { pebble, start, store, ask } = await workshop(t);
    await store.open();
    const name = 'short.example.org';
    const hourMs = 3_600_000;
    const old = await testCertificate([name], { ageMs: 5 * hourMs, lifetimeMs: 2 * hourMs });
    await store.keepCertificate(name, old);
    const port = await freePort();
    const site = { host: name, listen: [`https://127.0.0.1:${port}`, `127.0.0.1:${pebble.httpPort}`] };
    const { service, log } = await start(site, {}, 3);
    const seen = new Map<string, number>();
    const load = async (): Promise<void> => {
      // Some more after the new one has come.
      for (let after = 0; after < 20; ) {
        const { status, text, fingerprint } = await ask(port, name);
        assert.deepEqual([status, text], [200, 'the page']);
        seen.set(fingerprint, (seen.get(fingerprint) ?? 0) + 1);
        if (fingerprint !== old.facts.fingerprint) after += 1;
      }
    };
    await Promise.all([load(), load(), load()]);
    assert.equal(ordered(log), 1);
    assert.equal(seen.size, 2);
    assert.ok(seen.has(old.facts.fingerprint));
    const [status] = service.status().certificates;
    assert.deepEqual([status!.name, status!.trouble], [name, null]);
  });

  it('are ordered by the next service when one is killed in the midst of it', async (t) => {
    const { folder, pebble, store } = await workshop(t, { refusedNonces: 60 });
    const port = await freePort();
    writeFileSync(
      join(folder, 'postern.toml'),
      `[acme]\ndirectory = "${pebble.directory}"\nca = "${pebble.ca}"\nstore = "store"\n[site.main]\nhost = "a.example.org"\n` +
        `tls = "auto"\nroot = "root"\nlisten = ["https://127.0.0.1:${port}", "127.0.0.1:${pebble.httpPort}"]\n`,
    );
    const run = () => startPostern(t, join(folder, 'run'), ['run', '-c', join(folder, 'postern.toml')], folder);
    const first = run();
    await first.wrote(/a certificate is ordered/);
    first.child.kill('SIGKILL');
    await first.ended();
    assert.equal(await store.certificate('a.example.org'), null);
    await run().wrote(/a certificate was obtained/);
    await until(async () => (await store.certificate('a.example.org')) !== null);
  });

  it('cannot be kept where others may look in', async (t) => {
    const { folder, start } = await workshop(t);
    mkdirSync(join(folder, 'open'), { mode: 0o755 });
    const site = { host: 'a.example.org', listen: `https://127.0.0.1:${await freePort()}` };
    await assert.rejects(start(site, { store: 'open' }), /others may look into it: chmod it to 0700/);
  });
});
