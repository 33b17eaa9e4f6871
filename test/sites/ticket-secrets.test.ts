// The secret of session tickets is replaced once a day: openssl resumes its sessions past that, over threads and reloads.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import type { ConfigInput } from '../../src/config/config-schema.ts';
import { defineConfig } from '../../src/config/define-config.ts';
import { createService } from '../../src/service/service.ts';
import { newSecrets, TicketSecret, ticketKeys } from '../../src/tls/ticket-keys.ts';
import { testCertificate, writeCertificate } from '../support/certificates.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { findProgram, temporaryFolder } from '../support/folder.ts';
import { freePort } from '../support/server-process.ts';
import { until } from '../support/until.ts';

const openssl = findProgram('openssl');

const dayMs = 24 * 3_600_000;

describe('TicketSecret', () => {
  it('is replaced once a day, and the former one is known for a day more', () => {
    const clock = new FakeClock();
    const secret = new TicketSecret(clock);
    const first = secret.secrets;
    assert.equal(first.former, null);
    clock.advance(dayMs - 1);
    assert.deepEqual([secret.rotate(), secret.secrets], [false, first]);
    clock.advance(1);
    assert.equal(secret.rotate(), true);
    const second = secret.secrets;
    assert.deepEqual([second.former, second.current === first.current], [first.current, false]);
    clock.advance(dayMs);
    secret.rotate();
    assert.equal(secret.secrets.former, second.current);
    clock.advance(2 * dayMs);
    secret.rotate();
    assert.equal(secret.secrets.former, null);
  });

  it('grows old while a machine sleeps, in which its monotonic clock stands still, and when its other clock is set back', (t) => {
    const clock = new FakeClock();
    let sleptMs = 0;
    t.mock.method(clock, 'wall', () => clock.now() + sleptMs);
    const secret = new TicketSecret(clock);
    sleptMs += 7 * dayMs;
    assert.equal(secret.rotate(), true);
    assert.equal(secret.secrets.former, null);
    sleptMs -= 7 * dayMs;
    clock.advance(dayMs);
    assert.equal(secret.rotate(), true);
  });

  it('gives each rule about clients keys of its own, the former ones too', () => {
    const { current } = newSecrets();
    const secrets = { current: newSecrets().current, former: current };
    assert.deepEqual(ticketKeys(secrets, 'a').former, ticketKeys({ current, former: null }, 'a').current);
    assert.notDeepEqual(ticketKeys(secrets, 'a').former, ticketKeys(secrets, 'b').former);
  });
});

describe('the tickets of openssl', () => {
  for (const threads of [1, 3]) {
    it(`resume a session for a day after the change of the secret (threads = ${threads})`, async (t) => {
      if (openssl === null) return t.skip('openssl is not installed');
      const { folder, port, later, reload } = await served(t, threads);
      for (const version of ['-tls1_2', '-tls1_3']) {
        const kept = join(folder, `kept${version}`);
        await handshake(port, [version, '-sess_out', kept]);
        const before = await ticketName(kept);
        later(dayMs);
        const fresh = join(folder, `fresh${version}`);
        await until(async () => {
          await handshake(port, [version, '-sess_out', fresh]);
          return (await ticketName(fresh)) !== before;
        }, 'new tickets have the new key');
        // The first one, again and again, whatever thread it comes to.
        for (let count = 0; count < 8; count += 1) {
          if (count === 4) await reload();
          assert.equal(await handshake(port, [version, '-sess_in', kept]), 'Reused', `${version}, connection ${count}`);
        }
        // It is replaced by one of the new key. Of TLS 1.2, openssl keeps no session that it resumed.
        const renewed = join(folder, 'renewed');
        if (version === '-tls1_3') {
          await handshake(port, [version, '-sess_in', kept, '-sess_out', renewed]);
          assert.equal(await ticketName(renewed), await ticketName(fresh));
        }
        later(dayMs);
        await until(
          async () => (await handshake(port, [version, '-sess_in', kept])) === 'New',
          'after a day more it is nothing any more',
        );
      }
    });
  }
});

/** A service with one site, and a clock that can be put forward. */
async function served(t: TestContext, threads: number) {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'index.html'), 'page');
  const port = await freePort();
  const tls = writeCertificate(folder, 'main', await testCertificate(['a.test']));
  const main = { host: 'a.test', listen: `https://127.0.0.1:${port}`, root: '.', tls };
  const config = () => defineConfig({ site: { main } } as ConfigInput, folder);
  let aheadMs = 0;
  const { now } = systemClock;
  t.mock.method(systemClock, 'now', () => now() + aheadMs);
  const service = createService(config(), { runtimeBase: join(folder, 'run'), threads, asRoot: 'allow' });
  t.after(() => service.destroy());
  await service.start();
  const later = (ms: number): void => {
    aheadMs += ms;
  };
  const reload = async () => assert.equal((await service.reload([], config())).ok, true);
  return { folder, port, later, reload };
}

/** One connection that asks for the page. @returns "New" or "Reused", as openssl says it */
async function handshake(port: number, options: readonly string[]): Promise<string> {
  const about = ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'a.test', '-ign_eof', ...options];
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = execFile(openssl!, about, { timeout: 20_000 }, (error, stdout) => {
    const found = /^(New|Reused), TLSv/m.exec(stdout)?.[1];
    if (error === null && found !== undefined && stdout.includes('200 OK')) resolve(found);
    else reject(new Error(`openssl: ${error?.message}\n${stdout}`));
  });
  child.stdin!.end('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
  return promise;
}

/** By which key the ticket of a kept session is sealed. */
async function ticketName(file: string): Promise<string> {
  assert.match(readFileSync(file, 'latin1'), /BEGIN SSL SESSION/);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  execFile(openssl!, ['sess_id', '-in', file, '-noout', '-text'], (error, stdout) => {
    // The first sixteen bytes of the ticket.
    const name = /TLS session ticket:\n\s*0000 - ([0-9a-f -]{47})/.exec(stdout)?.[1];
    if (name === undefined) reject(error ?? new Error(`no ticket:\n${stdout}`));
    else resolve(name);
  });
  return promise;
}
