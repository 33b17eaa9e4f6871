import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { AcmeStore, authorityFolder } from '../../src/acme/store.ts';
import { StoreLocks } from '../../src/acme/store-lock.ts';
import { ProofFolder } from '../../src/tls/proof-folder.ts';
import { testCertificate } from '../support/certificates.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryFolder } from '../support/folder.ts';
import { until } from '../support/until.ts';

const directory = 'https://acme.example.net/directory';

describe('the store', () => {
  it('keeps key and certificates in one file that others cannot read, and gives them back', async (t) => {
    const folder = join(temporaryFolder(t), 'new', 'store');
    const store = new AcmeStore(folder, directory);
    await store.open();
    const certificate = await testCertificate(['a.org']);
    assert.equal(await store.certificate('a.org'), null);
    await store.keepCertificate('a.org', certificate);
    const path = join(folder, authorityFolder(directory), 'names', 'a.org.pem');
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const kept = (await store.certificate('a.org'))!;
    assert.equal(kept.facts.fingerprint, certificate.facts.fingerprint);
    assert.equal(kept.chain.toString(), certificate.chain.toString());
    assert.equal(kept.key.toString(), certificate.key.toString());
    // Another directory is another authority.
    assert.equal(await new AcmeStore(folder, 'https://acme.example.net/staging').certificate('a.org'), null);
    for (const name of ['../a', 'a/b', '.', '', 'a\0'])
      await assert.rejects(store.keepCertificate(name, certificate), /is no name of a host/);
  });

  it('takes what is broken for what is not there, or says so', async (t) => {
    const folder = temporaryFolder(t);
    const store = new AcmeStore(join(folder, 'store'), directory);
    await store.open();
    const own = join(folder, 'store', authorityFolder(directory));
    writeFileSync(join(own, 'account.json'), '{"url": "https');
    writeFileSync(join(own, 'orders.json'), '7');
    writeFileSync(join(own, 'names', 'a.org.json'), '{"count": "many"}');
    writeFileSync(join(own, 'names', 'a.org.pem'), 'half a file');
    assert.equal(await store.account(), null);
    assert.deepEqual(await store.books(), { orders: [], holds: {} });
    assert.equal(await store.failure('a.org'), null);
    await assert.rejects(store.certificate('a.org'), /a\.org\.pem holds no certificate/);
  });

  it('loses what a process left that was killed, and nothing that is new', async (t) => {
    const store = new AcmeStore(join(temporaryFolder(t), 'store'), directory);
    await store.open();
    await store.proofs.putText('old', 'x');
    await store.proofs.putText('new', 'y');
    utimesSync(join(store.proofs.path, 'old.txt'), 1, 1);
    const own = join(store.proofs.path, '..', authorityFolder(directory));
    for (const [old, file] of [
      [true, 'authority.lock.0123456789abcdef'],
      [true, 'names/a.org.lock.0123456789abcdef'],
      [true, 'names/a.org.pem.0123456789abcdef.new'],
      [true, 'names/a.lock.org.pem'],
      [false, 'names/b.org.lock.0123456789abcdef'],
    ] as const) {
      writeFileSync(join(own, file), '');
      if (old) utimesSync(join(own, file), 1, 1);
    }
    await store.open();
    assert.deepEqual(readdirSync(store.proofs.path), ['new.txt']);
    assert.deepEqual(readdirSync(own), ['names']);
    assert.deepEqual(readdirSync(join(own, 'names')).sort(), ['a.lock.org.pem', 'b.org.lock.0123456789abcdef']);
  });

  it('is refused where others may look in, or where it cannot be written', async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'open'));
    chmodSync(join(folder, 'open'), 0o750);
    await assert.rejects(new AcmeStore(join(folder, 'open'), directory).open(), /chmod it to 0700.*store in \[acme\]/);
    writeFileSync(join(folder, 'file'), '');
    await assert.rejects(new AcmeStore(join(folder, 'file'), directory).open(), /certificates cannot be kept in/);
  });
});

describe('a lock of the store', () => {
  it('is held by one at a time, in this process as well', async (t) => {
    const path = join(temporaryFolder(t), 'a.lock');
    const [one, other] = [new StoreLocks(), new StoreLocks()];
    const taken = await Promise.all([one, other, one, other].map((locks) => locks.take(path)));
    const [held, ...more] = taken.filter((lock) => lock !== null);
    assert.deepEqual(more, []);
    assert.equal(await other.take(path), null);
    await held!.release();
    const next = await other.take(path);
    await held!.release();
    assert.ok(existsSync(path), 'who has released it once cannot take it from the next');
    await next!.release();
    assert.ok(!existsSync(path));
  });

  it('of a process that was killed is free at once, that of a stranger after a minute without a sign of life', async (t) => {
    const path = join(temporaryFolder(t), 'a.lock');
    const clock = new FakeClock();
    const locks = new StoreLocks(clock);
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    const { readlinkSync } = await import('node:fs');
    const space = readlinkSync('/proc/self/ns/pid');
    writeFileSync(path, JSON.stringify({ host: hostname(), space, pid: dead.pid, id: 'x' }));
    const first = await locks.take(path);
    assert.notEqual(first, null);
    await first!.release();

    // The same number elsewhere is another process.
    writeFileSync(path, JSON.stringify({ host: 'elsewhere', space, pid: dead.pid, id: 'x' }));
    assert.equal(await locks.take(path), null);
    clock.advance(50_000);
    assert.equal(await locks.take(path), null);
    utimesSync(path, 1, 1);
    clock.advance(50_000);
    assert.equal(await locks.take(path), null, 'it has moved meanwhile');
    clock.advance(59_000);
    assert.equal(await locks.take(path), null);
    clock.advance(1_000);
    assert.notEqual(await locks.take(path), null);
    assert.match(readFileSync(path, 'utf8'), new RegExp(`"pid":${process.pid}`));
  });
});

describe('a lock that was taken away from its holder', () => {
  it('is not held any more, and the holder gives no sign of life for the next', async (t) => {
    const path = join(temporaryFolder(t), 'a.lock');
    const clock = new FakeClock();
    const held = (await new StoreLocks(clock).take(path))!;
    assert.ok(await held.isHeld());
    utimesSync(path, 1, 1);
    clock.advance(10_000);
    await until(() => statSync(path).mtimeMs > 1_000, 'it is touched while it is ours');
    writeFileSync(path, 'another');
    utimesSync(path, 1, 1);
    assert.ok(!(await held.isHeld()));
    clock.advance(10_000);
    await held.release();
    assert.equal(statSync(path).mtimeMs, 1_000);
    assert.equal(readFileSync(path, 'utf8'), 'another');
  });
});

describe('proofs', () => {
  it('are found by their token alone, wherever a path leads', async (t) => {
    const folder = temporaryFolder(t);
    const proofs = new ProofFolder(join(folder, 'proofs'));
    const away = await proofs.putText('abc-_1', 'abc-_1.print');
    writeFileSync(join(folder, 'secret.txt'), 'secret');
    symlinkSync(folder, join(folder, 'proofs', 'up'));
    const at = (token: string) => proofs.textFor(`/.well-known/acme-challenge/${token}`);
    assert.equal(await at('abc-_1'), 'abc-_1.print');
    for (const token of ['', '.', '../secret', 'up/secret', '..%2fsecret', 'abc-_1?x', 'abc-_1.txt', 'x'.repeat(5_000)])
      assert.equal(await at(token), null, token);
    await away();
    assert.equal(await at('abc-_1'), null);
    await assert.rejects(proofs.putText('../x', 'y'), /token that is none/);
    const proof = await testCertificate(['a.org']);
    await proofs.putCertificate('a.org', proof);
    assert.equal((await proofs.certificateFor('A.ORG'))?.facts.fingerprint, proof.facts.fingerprint);
    assert.equal(await proofs.certificateFor('../a.org'), null);
  });
});
