// How services get on with authorities that behave as pebble does not: short-lived certificates, advice when to renew, limits, kinds of certificates, trouble.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { AcmeConnection } from '../../src/acme/acme-connection.ts';
import { certificateId } from '../../src/acme/renewal-info.ts';
import { AcmeStore } from '../../src/acme/store.ts';
import type { ConfigInput } from '../../src/config/config-schema.ts';
import { defineConfig } from '../../src/config/define-config.ts';
import { createService } from '../../src/service/service.ts';
import { testAuthority, testCertificate } from '../support/certificates.ts';
import { startFakeAuthority } from '../support/fake-authority.ts';
import { temporaryFolder } from '../support/folder.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { freePort } from '../support/server-process.ts';
import { askByTls } from '../support/tls-client.ts';
import { until } from '../support/until.ts';

/** A service of one site, with an authority that does as it is told. */
async function workshop(t: TestContext, meta: object = {}) {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'root'));
  writeFileSync(join(folder, 'root', 'index.html'), 'the page');
  const authority = await startFakeAuthority(t, meta);
  const port = await freePort();
  const log = new RecordingLog();
  const start = async (host: readonly string[], acme: ConfigInput['acme'] = {}) => {
    const config = defineConfig(
      {
        acme: { directory: authority.directory, ca: authority.ca, store: 'store', ...acme },
        site: { main: { tls: 'auto', root: 'root', host: [...host], listen: `https://127.0.0.1:${port}` } },
      },
      folder,
    );
    const service = createService(config, { runtimeBase: join(folder, 'run'), log });
    t.after(() => service.destroy());
    await service.start();
    return service;
  };
  const ask = (name: string) => askByTls(port, { name, options: { rejectUnauthorized: false } });
  const store = new AcmeStore(join(folder, 'store'), authority.directory);
  return { authority, start, ask, store, log };
}

const refusal = (type: string, detail: string, status: number, headers = {}) => ({
  status,
  headers,
  body: { type: `urn:ietf:params:acme:error:${type}`, detail },
});

describe('an authority', () => {
  it('whose certificates live for a minute is asked again and again, and nobody notices', async (t) => {
    const { authority, start, ask } = await workshop(t);
    // A third of a minute and a half is left two seconds after it was issued.
    authority.lifetime = { ageMs: 58_000, lifetimeMs: 32_000 };
    await start(['a.org']);
    const seen = new Set<string>();
    await until(async () => {
      const { status, text, fingerprint } = await ask('a.org');
      assert.deepEqual([status, text], [200, 'the page']);
      return seen.add(fingerprint).size >= 3;
    }, 'the certificate was renewed twice');
    assert.ok(authority.count('/order') < 40, 'it is not asked without an end');
  });

  it('that issues what is due already is not asked again at once', async (t) => {
    const { authority, start, ask, log } = await workshop(t);
    authority.lifetime = { ageMs: 86_400_000 * 30, lifetimeMs: 86_400_000 };
    await start(['a.org']);
    await until(
      () => log.matching(/what it issued is to be renewed already: is the clock .* the next try is at/).length > 0,
    );
    assert.equal((await ask('a.org')).text, 'the page');
    assert.equal(authority.count('/finalize/'), 1);
    assert.equal(log.matching(/^a certificate is ordered$/).length, 1);
  });

  it('that advises to renew early is obeyed, and told which certificate is replaced', async (t) => {
    const path = '/renewal';
    const { authority, start, store } = await workshop(t);
    const base = new URL(authority.directory).origin;
    const old = await testCertificate(['a.org'], { ageMs: 3_600_000 });
    const id = (await certificateId(old))!;
    const window = (fromMs: number) => ({
      suggestedWindow: { start: new Date(fromMs).toISOString(), end: new Date(fromMs + 1_000).toISOString() },
    });
    let replacing = 0;
    authority.answer = (asked) => {
      if (asked === '/directory') {
        const at = (name: string): string => `${base}/${name}`;
        return {
          body: {
            newNonce: at('nonce'),
            newAccount: at('account'),
            newOrder: at('order'),
            renewalInfo: `${base}${path}`,
          },
        };
      }
      if (asked === `${path}/${id}`)
        return { body: window(Date.now() - 3_600_000), headers: { 'retry-after': '21600' } };
      if (asked.startsWith(path)) return { body: window(Date.now() + 86_400_000) };
      // It says that somebody else has replaced it: it is ordered all the same.
      if (asked === '/order' && replacing++ === 0) return refusal('alreadyReplaced', 'it was replaced', 409);
      return undefined;
    };
    await store.open();
    await store.keepCertificate('a.org', old);
    const service = await start(['a.org']);
    await until(() => service.status().certificates[0]!.fingerprint !== old.facts.fingerprint);
    const orders = authority.asked.filter((one) => one.path === '/order').map(({ payload }) => payload.replaces);
    assert.deepEqual(orders, [id, undefined]);
  });

  it('that has had enough of a domain is left alone for as long as it says, for all names below it and for no other', async (t) => {
    const { authority, start, store, log } = await workshop(t);
    authority.answer = (path) => {
      const last = authority.asked.at(-1)!.payload.identifiers as { value: string }[] | undefined;
      const isOurs = path === '/order' && last?.[0]?.value.endsWith('.busy.org');
      return isOurs ? refusal('rateLimited', 'too many for busy.org', 429, { 'retry-after': '7200' }) : undefined;
    };
    const service = await start(['a.busy.org', 'b.busy.org', 'calm.org']);
    const of = (name: string) => service.status().certificates.find((one) => one.name === name)!;
    await until(() => of('calm.org').from === 'ACME' && log.matching(/too many for busy\.org/).length > 0);
    const failure = log.matching(/no certificate was obtained: too many for busy\.org/)[0]!;
    const waits = Date.parse(String(failure.fields.next)) - Date.now();
    assert.ok(waits > 7_000_000 && waits <= 7_200_000, String(waits));
    await until(async () => ((await store.books()).holds['busy.org'] ?? 0) > 0);
    const { holds } = await store.books();
    assert.ok(holds['busy.org']! - Date.now() > 7_000_000);
    assert.match(
      of(String(failure.fields.name)).trouble ?? '',
      /too many for busy\.org \(rateLimited\); the next try is at/,
    );
    await service.close();
    const before = authority.count('/order');
    await store.keepFailure('a.busy.org', null);
    await store.keepFailure('b.busy.org', null);
    await (await start(['a.busy.org', 'b.busy.org'])).close();
    assert.equal(authority.count('/order'), before);
  });

  it('with several kinds of certificates is asked for the one that is configured', async (t) => {
    const meta = { meta: { profiles: { classic: 'a classic one', shortlived: 'six days' } } };
    const { authority, start, log } = await workshop(t, meta);
    const first = await start(['a.org'], { profile: 'other' });
    await until(() => log.matching(/it has no profile "other" \(it has classic, shortlived\)/).length === 1);
    await first.close();
    const second = await start(['a.org'], { profile: 'shortlived', store: 'another' });
    await until(() => second.status().certificates[0]!.from === 'ACME');
    assert.equal(authority.asked.find(({ path }) => path === '/order')!.payload.profile, 'shortlived');
  });

  it('is asked again by a reload, when it was mended what made a name fail; but not at once, nor before it said', async (t) => {
    const { authority, start, store } = await workshop(t);
    await store.open();
    const [now, hourMs] = [Date.now(), 3_600_000];
    const failure = { count: 6, atMs: now - hourMs, nextAtMs: now + 6 * hourMs, why: 'no such name' };
    await store.keepFailure('mended.org', failure);
    await store.keepFailure('fresh.org', { ...failure, atMs: now - 60_000 });
    await store.keepFailure('asked.org', { ...failure, notBeforeMs: now + hourMs });
    const service = await start(['mended.org', 'fresh.org', 'asked.org', 'new.org']);
    const obtained = () => service.status().certificates.flatMap(({ from, name }) => (from === 'ACME' ? name : []));
    await until(() => obtained().length === 1);
    assert.equal(authority.count('/order'), authority.count('/order/') + 1, 'a start asks for no failed name');
    await service.reload();
    await until(() => obtained().length === 2);
    assert.deepEqual(obtained(), ['mended.org', 'new.org']);
  });

  it('that does not know the account any more gets another one', async (t) => {
    const { authority, start, store } = await workshop(t);
    await store.open();
    const { generateKeyPairSync } = await import('node:crypto');
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const url = `${new URL(authority.directory).origin}/account/gone`;
    await store.keepAccount({ url, email: null, key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() });
    let told = 0;
    authority.answer = (path) =>
      path === '/order' && told++ === 0 ? refusal('accountDoesNotExist', 'no such account', 400) : undefined;
    const service = await start(['a.org']);
    await until(() => service.status().certificates[0]!.from === 'ACME');
    assert.match((await store.account())!.url, /\/account\/1$/);
  });

  it('that is in trouble, or not to be trusted, is told of; the site is served', async (t) => {
    const { authority, start, ask, log } = await workshop(t);
    authority.answer = () => ({ status: 503, body: 'no JSON' });
    const service = await start(['a.org']);
    assert.equal((await ask('a.org')).text, 'the page');
    await until(() => log.matching(/no certificate was obtained: it answered 503; the next try is at/).length === 1);
    // Three tries at once, and no more.
    assert.equal(authority.count('/directory'), 3);
    assert.equal((await ask('a.org')).text, 'the page');
    await service.close();
    const other = await start(['b.org'], { ca: undefined });
    await until(
      () => log.matching(/its certificate is not trusted .*: name its authority with ca in \[acme\]/).length === 1,
    );
    await other.close();
  });
});

describe('the connection to an authority', () => {
  async function connection(t: TestContext) {
    const authority = await startFakeAuthority(t);
    const ending = new AbortController();
    const { certificate: ca } = await testAuthority();
    const opened = new AcmeConnection({ directory: authority.directory, ca }, ending.signal);
    t.after(() => opened.close());
    const { generateKeyPairSync } = await import('node:crypto');
    const signer = { key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, account: null };
    const url = `${new URL(authority.directory).origin}/account`;
    return { authority, ending, opened, signer, url };
  }

  it('takes the next nonce when one is refused, and gives up on who refuses all of them', async (t) => {
    const { authority, opened, signer, url } = await connection(t);
    let refused = 0;
    authority.answer = (path) =>
      path === '/account' && refused++ < 5 ? refusal('badNonce', 'another', 400) : undefined;
    assert.equal((await opened.post(url, {}, signer)).status, 201);
    authority.answer = (path) => (path === '/account' ? refusal('badNonce', 'another', 400) : undefined);
    await assert.rejects(opened.post(url, {}, signer), /another \(badNonce\)/);
    assert.equal(authority.count('/account'), 6 + 40);
  });

  it('believes who says when to come again, and takes no answer without an end', async (t) => {
    const { authority, opened, signer, url } = await connection(t);
    const date = new Date(Date.now() + 600_000).toUTCString();
    authority.answer = (path) =>
      path === '/account' ? refusal('x', 'later', 503, { 'retry-after': date }) : undefined;
    await assert.rejects(opened.post(url, {}, signer), ({ retryAfterMs }: { retryAfterMs: number }) => {
      assert.ok(retryAfterMs > 500_000 && retryAfterMs <= 600_000);
      return true;
    });
    assert.equal(authority.count('/account'), 1);
    authority.answer = () => ({ body: Buffer.alloc(1_500_000) });
    await assert.rejects(opened.get(url), /cannot be reached/);
  });

  it('ends at once with all that is on its way', async (t) => {
    const { authority, ending, opened, signer, url } = await connection(t);
    await opened.directory();
    authority.answer = () => ({ status: 500 });
    const asked = opened.post(url, {}, signer);
    await until(() => authority.count('/account') + authority.count('/nonce') > 0);
    ending.abort();
    await assert.rejects(asked, { name: 'AbortError' });
  });
});
