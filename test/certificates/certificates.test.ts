// The certificates of a service over its reloads: nothing that comes meanwhile is lost, and nobody waits for another's trouble.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { AcmeStore } from '../../src/acme/store.ts';
import { Certificates } from '../../src/certificates/certificates.ts';
import { openLocalAuthority } from '../../src/certificates/local-authority.ts';
import type { ConfigInput } from '../../src/config/config-schema.ts';
import { defineConfig } from '../../src/config/define-config.ts';
import type { TlsMaterial } from '../../src/tls/tls-material.ts';
import { testCertificate, writeCertificate } from '../support/certificates.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryFolder } from '../support/folder.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { until } from '../support/until.ts';

const listen = 'https://127.0.0.1:0';

/** Nobody is there: what is in the store is valid for long, and nothing is ordered. */
const directory = 'https://127.0.0.1:1/directory';

/** Certificates whose material goes nowhere, and a clock that looks for what has changed when it is told. */
function bench(t: TestContext) {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'root'));
  const [clock, log] = [new FakeClock(), new RecordingLog()];
  const given: TlsMaterial[] = [];
  const certificates = new Certificates(log, (material) => given.push(material), undefined, clock);
  t.after(() => certificates.close());
  const sourcesOf = (site: object) =>
    certificates.prepare(defineConfig({ acme: { directory, store: 'store' }, site } as unknown as ConfigInput, folder));
  return { folder, clock, log, given, certificates, sourcesOf };
}

/** What a site has first. */
const shown = (material: TlsMaterial | undefined, site = 'main') =>
  material?.sites.get(site)?.certificates[0]?.facts.fingerprint;

const site = (folder: string, more: object) => ({ listen, root: join(folder, 'root'), ...more });

describe('certificates over a reload', () => {
  it('that were issued while it was under way are given to the listeners that it has made', async (t) => {
    const { folder, clock, given, certificates, sourcesOf } = bench(t);
    const store = new AcmeStore(join(folder, 'store'), directory);
    await store.open();
    const [first, second] = [await testCertificate(['a.org']), await testCertificate(['a.org'])];
    await store.keepCertificate('a.org', first);
    const main = site(folder, { tls: 'auto', host: ['a.org'] });
    const before = await sourcesOf({ main });
    assert.equal(shown(certificates.materialOf(before)), first.facts.fingerprint);
    certificates.use(before);
    assert.equal(given.length, 0, 'what the listeners have is not given twice');

    const next = await sourcesOf({ main, more: main });
    const frozen = certificates.materialOf(next);
    assert.equal(shown(frozen), first.facts.fingerprint);
    await store.keepCertificate('a.org', second);
    clock.advance(5_000);
    await until(() => given.length === 1, 'the listeners of before have it');
    assert.equal(shown(given[0]), second.facts.fingerprint);
    // Now the listeners are given what was frozen.
    certificates.use(next);
    assert.deepEqual(
      given.slice(1).map((one) => shown(one, 'more')),
      [second.facts.fingerprint],
    );
    clock.advance(5_000);
    certificates.use(next);
    assert.equal(given.length, 2, 'once is enough');
  });

  it('do not go on with the sites of before, whose certificates changed at the same time', async (t) => {
    const { folder, clock, given, certificates, sourcesOf } = bench(t);
    const tls = writeCertificate(folder, 'a', await testCertificate(['a.org']));
    const before = await sourcesOf({ main: site(folder, { tls }) });
    certificates.materialOf(before);
    certificates.use(before);
    const other = writeCertificate(folder, 'b', await testCertificate(['b.org']));
    const next = await sourcesOf({ other: site(folder, { tls: other }) });
    certificates.materialOf(next);
    writeCertificate(folder, 'a', await testCertificate(['a.org'], { title: 'another' }));
    clock.advance(5_000);
    await until(() => given.length === 1);
    assert.deepEqual([...given[0]!.sites.keys()], ['main']);
    certificates.use(next);
    assert.deepEqual([...(given[1]?.sites.keys() ?? [])], ['other']);
  });
});

describe('a site whose certificate cannot be made', () => {
  it('goes on with the one that it has, keeps no other from a new one, and is told of once', async (t) => {
    const { folder, clock, log, given, certificates, sourcesOf } = bench(t);
    const tls = writeCertificate(folder, 'a', await testCertificate(['a.org']));
    const local = await openLocalAuthority(folder);
    const sources = await sourcesOf({
      main: site(folder, { tls }),
      own: site(folder, { tls: local, host: ['localhost'] }),
    });
    const own = shown(certificates.materialOf(sources), 'own');
    certificates.use(sources);
    const changed = await testCertificate(['a.org'], { title: 'another' });
    writeCertificate(folder, 'a', changed);
    const isRefused = t.mock.method(crypto.subtle, 'generateKey', () => Promise.reject(new Error('no randomness')));
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 70 * 86_400_000 });
    clock.advance(5_000);
    await until(() => given.length === 1, 'the other site has its new one');
    assert.deepEqual([shown(given[0]), shown(given[0], 'own')], [changed.facts.fingerprint, own]);
    clock.advance(5_000);
    await until(() => isRefused.mock.callCount() === 2);
    isRefused.mock.restore();
    clock.advance(5_000);
    await until(() => given.length === 2, 'it is made once it can be');
    assert.notEqual(shown(given[1], 'own'), own);
    const told = log.matching(/the certificates of before go on, no others can be had: no randomness/);
    assert.deepEqual(
      told.map(({ fields }) => fields.site),
      ['own'],
    );
  });
});
