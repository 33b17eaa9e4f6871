// A service with sites by name and TLS, asked by a real TLS client.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:https';
import { connect as plainConnect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { connect } from 'node:tls';
import type { ConfigInput } from '../../src/config/config-schema.ts';
import { defineConfig } from '../../src/config/define-config.ts';
import { createService } from '../../src/service/service.ts';
import { testAuthority, testCertificate, writeCertificate } from '../support/certificates.ts';
import { temporaryFolder } from '../support/folder.ts';
import { RawClient } from '../support/raw-client.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { freePort } from '../support/server-process.ts';
import { askByTls } from '../support/tls-client.ts';
import { until } from '../support/until.ts';

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ family }) => family === 'IPv6'));

/** A folder with two sites, their certificates, and services on one port. */
async function workshop(t: TestContext) {
  const folder = temporaryFolder(t);
  for (const name of ['a', 'b']) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'index.html'), `page ${name}`);
    writeFileSync(join(folder, name, 'env.cgi'), '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"\nenv | sort\n');
    chmodSync(join(folder, name, 'env.cgi'), 0o755);
  }
  const certificates = { a: await testCertificate(['a.test']), b: await testCertificate(['b.test', '*.b.test']) };
  const [port, plainPort] = [await freePort(), await freePort()];
  const [listen, plain] = [`https://127.0.0.1:${port}`, `127.0.0.1:${plainPort}`];
  const a = { host: 'a.test', listen: [listen, plain], root: 'a', tls: writeCertificate(folder, 'a', certificates.a) };
  const b = {
    host: ['b.test', '*.b.test'],
    listen: [listen, plain],
    root: 'b',
    tls: writeCertificate(folder, 'b', certificates.b),
  };
  const config = (input: ConfigInput) => defineConfig(input, folder);
  const start = async (input: ConfigInput, log = new RecordingLog()) => {
    const service = createService(config(input), { runtimeBase: join(folder, 'run'), asRoot: 'allow', log });
    t.after(() => service.destroy());
    await service.start();
    return service;
  };
  return { folder, certificates, port, plainPort, listen, plain, a, b, config, start };
}

const cgi = { pool: { cgi: { cgi: true as const, allowRoot: true } } };
const toCgi = [{ match: '*.cgi', pool: 'cgi' }];

describe('sites by name', () => {
  it("are answered each with its certificate and its pages; a name that is nobody's gets 421", async (t) => {
    const { port, plainPort, certificates, a, b, start } = await workshop(t);
    await start({ site: { a, b } });
    for (const [name, site] of [
      ['a.test', 'a'],
      ['b.test', 'b'],
      ['x.b.test', 'b'],
    ] as const) {
      const asked = await askByTls(port, { name });
      assert.deepEqual(
        [asked.status, asked.text, asked.fingerprint],
        [200, `page ${site}`, certificates[site].facts.fingerprint],
      );
    }
    assert.equal((await askByTls(port, { host: 'c.test' })).status, 421);
    // As browsers do where one certificate is for both names.
    assert.equal((await askByTls(port, { name: 'x.b.test', host: 'a.test' })).text, 'page a');
    for (const [host, answer] of [
      ['Host: B.TEST.:7\r\n', 'page b'],
      ['Host: c.test\r\n', '421 Misdirected'],
      ['', '400 Bad'],
      ['Host: a.test\r\nHost: b.test\r\n', '400 Bad'],
    ] as const) {
      const client = await RawClient.connect(t, plainPort);
      client.send(`GET / HTTP/1.1\r\n${host}\r\n`);
      await client.untilHas(answer);
    }
  });

  it('are found in one look however many there are, and change with a reload', async (t) => {
    const { plainPort, plain, config, start } = await workshop(t);
    const many = (count: number): ConfigInput => ({
      site: Object.fromEntries(
        Array.from({ length: count }, (_, at) => [
          `s${at}`,
          { host: `s${at}.test`, listen: plain, root: at % 2 === 0 ? 'a' : 'b' },
        ]),
      ),
    });
    const service = await start(many(300));
    const client = await RawClient.connect(t, plainPort);
    client.send(
      'GET / HTTP/1.1\r\nHost: s298.test\r\n\r\nGET / HTTP/1.1\r\nHost: s299.test\r\n\r\nGET / HTTP/1.1\r\nHost: s300.test\r\n\r\n',
    );
    await client.untilHas('421 Misdirected');
    assert.match(client.received, /page a.*page b.*421/s);
    const reload = await service.reload([], config(many(301)));
    assert.equal(reload.ok, true, reload.message);
    client.received = '';
    client.send('GET / HTTP/1.1\r\nHost: s300.test\r\n\r\n');
    await client.untilHas('page a');
  });

  it('redirect sends whoever came elsewhere to where the site is', async (t) => {
    const { port, plainPort, a, listen, plain, start } = await workshop(t);
    const other = { host: 'www.a.test', listen: [listen, plain], tls: a.tls, redirect: 'https://a.test' };
    await start({ site: { a: { ...a, redirect: 'https' }, other } });
    const client = await RawClient.connect(t, plainPort);
    client.send('GET /x?y=//z HTTP/1.1\r\nHost: a.test.\r\n\r\n');
    // Whoever names no port came by another one than ours: somebody is before us.
    await client.untilHas('Location: https://a.test/x?y=//z\r\n');
    client.send(`GET /own HTTP/1.1\r\nHost: a.test:${plainPort}\r\n\r\n`);
    await client.untilHas(`Location: https://a.test:${port}/own\r\n`);
    client.send('GET /other HTTP/1.1\r\nHost: a.test:1\r\n\r\n');
    await client.untilHas('Location: https://a.test/other\r\n');
    client.send('POST / HTTP/1.1\r\nHost: www.a.test\r\nContent-Length: 0\r\n\r\n');
    await client.untilHas('308 Permanent Redirect');
    assert.match(client.received, /^HTTP\/1\.1 301 /);
    assert.equal((await askByTls(port, { name: 'a.test' })).text, 'page a');
    assert.match(
      (await askByTls(port, { name: 'a.test', host: 'www.a.test', path: '/q' })).headers,
      /Location: https:\/\/a\.test\/q/,
    );
  });
});

describe('TLS', () => {
  it('is spoken in versions 1.2 and 1.3, and no older one', async (t) => {
    const { port, a, start } = await workshop(t);
    await start({ site: { a } });
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { protocol } = await askByTls(port, {
        name: 'a.test',
        options: { minVersion: version, maxVersion: version },
      });
      assert.equal(protocol, version);
    }
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await assert.rejects(askByTls(port, { name: 'a.test', options: old }));
    const weak = { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA:ECDHE-RSA-AES128-SHA' } as const;
    await assert.rejects(askByTls(port, { name: 'a.test', options: weak }));
  });

  it('resumes sessions, also after a reload', async (t) => {
    const { port, a, b, config, start } = await workshop(t);
    const service = await start({ site: { a } });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { session, isResumed } = await askByTls(port, { name: 'a.test', options: { maxVersion } });
      assert.equal(isResumed, false);
      const options = { maxVersion, session: session! };
      assert.equal((await askByTls(port, { name: 'a.test', options })).isResumed, true);
      assert.equal((await service.reload([], config({ site: maxVersion === 'TLSv1.2' ? { a, b } : { a } }))).ok, true);
      assert.equal(
        (await askByTls(port, { name: 'a.test', options })).isResumed,
        true,
        `${maxVersion}, after the reload`,
      );
    }
  });

  it('gives a client that resumes a new ticket, since each is used once', async (t) => {
    const { port, a, start } = await workshop(t);
    await start({ site: { a } });
    let { session } = await askByTls(port, { name: 'a.test' });
    for (let count = 0; count < 4; count += 1) {
      const again = await askByTls(port, { name: 'a.test', options: { session: session! } });
      assert.equal(again.isResumed, true, `connection ${count}`);
      assert.ok(again.session !== undefined && !again.session.equals(session!), `connection ${count} has a new ticket`);
      session = again.session;
    }
  });

  it('makes a full handshake with a client that has a ticket of somebody else', async (t) => {
    const [own, other] = [await workshop(t), await workshop(t)];
    await own.start({ site: { a: own.a } });
    await other.start({ site: { a: other.a } });
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { session } = await askByTls(other.port, { name: 'a.test', options: { maxVersion } });
      const options = { maxVersion, session: session! };
      const { status, isResumed } = await askByTls(own.port, { name: 'a.test', options });
      assert.deepEqual({ status, isResumed }, { status: 200, isResumed: false }, maxVersion);
    }
  });

  it('resumes sessions in whatever thread a client comes to', async (t) => {
    const { folder, port, a, config } = await workshop(t);
    const service = createService(config({ site: { a } }), { runtimeBase: join(folder, 'run'), threads: 3 });
    t.after(() => service.destroy());
    await service.start();
    let { session } = await askByTls(port, { name: 'a.test' });
    for (let count = 0; count < 20; count += 1) {
      const again = await askByTls(port, { name: 'a.test', options: { session: session! } });
      assert.equal(again.isResumed, true, `connection ${count}`);
      session = again.session ?? session;
    }
  });

  it('tells programs HTTPS, SSL_PROTOCOL, SSL_CIPHER and the name', async (t) => {
    const { port, plainPort, a, start } = await workshop(t);
    await start({ site: { a: { ...a, route: toCgi } }, ...cgi });
    const { text } = await askByTls(port, { name: 'a.test', path: '/env.cgi' });
    for (const line of [
      'HTTPS=on',
      'REQUEST_SCHEME=https',
      'SSL_PROTOCOL=TLSv1.3',
      'SSL_TLS_SNI=a.test',
      `SERVER_PORT=${port}`,
    ])
      assert.ok(text.includes(`${line}\n`), `${line} in ${text}`);
    assert.match(text, /^SSL_CIPHER=TLS_[A-Z0-9_]+$/m);
    const client = await RawClient.connect(t, plainPort);
    client.send('GET /env.cgi HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n');
    await client.until(({ end }) => end === 'ended');
    assert.doesNotMatch(client.received, /SSL_|HTTPS=/);
  });

  it('takes changed files without a lost connection or a lost request, and keeps the old ones while the new do not fit', async (t) => {
    const { folder, port, certificates, a, start } = await workshop(t);
    await start({ site: { a } });
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: (await testAuthority()).certificate });
    t.after(() => agent.destroy());
    const kept = (): Promise<number> =>
      new Promise((resolve, reject) => {
        const options = { host: '127.0.0.1', port, agent, servername: 'a.test', headers: { Host: 'a.test' } };
        get(options, (answer) => {
          const { localPort = 0 } = answer.socket;
          answer.resume().on('end', () => resolve(localPort));
        }).on('error', reject);
      });
    const firstPort = await kept();
    const next = await testCertificate(['a.test']);
    writeFileSync(join(folder, 'a.pem'), next.chain);
    assert.equal((await askByTls(port, { name: 'a.test' })).fingerprint, certificates.a.facts.fingerprint);
    writeFileSync(join(folder, 'a.key'), next.key);
    const isTaken = async (): Promise<boolean> =>
      (await askByTls(port, { name: 'a.test' })).fingerprint === next.facts.fingerprint;
    await until(isTaken, 'the changed certificate is served');
    assert.equal(await kept(), firstPort);
  });

  it('says what is wrong with files, with the line of the configuration; a reload then changes nothing', async (t) => {
    const { folder, port, a, config, start } = await workshop(t);
    const service = await start({ site: { a } });
    const other = await testCertificate(['a.test']);
    const stranger = await testCertificate(['c.test']);
    const fresh = writeCertificate(folder, 'fresh', other);
    const broken: Record<string, { certificate: string; key: string }> = {
      'is not the key of': { certificate: fresh.certificate, key: a.tls.key },
      'there is no such file': { certificate: 'none.pem', key: 'none.key' },
      'holds no certificate': { certificate: 'fresh.key', key: 'fresh.key' },
      'the chain is broken': writeCertificate(folder, 'chain', {
        chain: Buffer.concat([other.chain, stranger.chain]),
        key: other.key,
      }),
    };
    for (const [why, tls] of Object.entries(broken)) {
      const { ok, message } = await service.reload([], config({ site: { a: { ...a, tls } } }));
      assert.equal(ok, false);
      assert.match(message, new RegExp(`tls in \\[site\\.a\\].*${why}`));
    }
    assert.equal((await askByTls(port, { name: 'a.test' })).status, 200);
  });

  it('ends what is no handshake, or none that comes to its end', async (t) => {
    const { port, a, start } = await workshop(t);
    const service = await start({ site: { a } });
    const plain = await RawClient.connect(t, port);
    plain.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await plain.untilHas('This port speaks HTTPS');
    const cut = await RawClient.connect(t, port);
    cut.send('\x16\x03\x01\x02\x00\x01');
    cut.socket.end();
    const nonsense = await RawClient.connect(t, port);
    nonsense.send(`\x16\x03\x01\x00\x04\x01\xff\xff\xff${'x'.repeat(20_000)}`);
    const silent = await RawClient.connect(t, port);
    for (const client of [plain, cut, nonsense, silent])
      await until(() => client.end !== 'open', 'the connection is closed');
    assert.equal((await askByTls(port, { name: 'a.test' })).status, 200);
    await service.close(1_000);
  });

  it('a request on its way in ends well when the service closes', async (t) => {
    const { port, a, start } = await workshop(t);
    const service = await start({ site: { a } });
    const ca = (await testAuthority()).certificate;
    const socket = connect({ host: '127.0.0.1', port, ca, servername: 'a.test' });
    await new Promise((resolve) => socket.once('secureConnect', resolve));
    const received: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    const closed = service.close(10_000);
    socket.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await closed;
    await until(
      async () => Buffer.concat(received).includes('page a'),
      () => Buffer.concat(received).toString(),
    );
  });
});

describe('client certificates', () => {
  const asking = { authority: 'clients.pem', user: 'SSL_CLIENT_S_DN_CN' };

  it('are asked for, judged and told; who has none is refused', async (t) => {
    const { folder, port, plainPort, a, start } = await workshop(t);
    writeFileSync(join(folder, 'clients.pem'), (await testAuthority()).certificate);
    await start({ site: { a: { ...a, route: toCgi, clientCertificates: asking } }, ...cgi });
    const known = await testCertificate([], { title: 'Jörg, the client', isForClients: true });
    const options = { cert: known.chain, key: known.key };
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { text, session } = await askByTls(port, {
        name: 'a.test',
        path: '/env.cgi',
        options: { ...options, maxVersion },
      });
      assert.match(text, /^SSL_CLIENT_VERIFY=SUCCESS$/m);
      assert.equal(Buffer.from(/^REMOTE_USER=(.*)$/m.exec(text)![1]!, 'latin1').toString(), 'Jörg, the client');
      // A session that was made with the certificate goes on with it.
      const again = await askByTls(port, {
        name: 'a.test',
        path: '/env.cgi',
        options: { maxVersion, session: session! },
      });
      assert.deepEqual([again.isResumed, /^SSL_CLIENT_VERIFY=SUCCESS$/m.test(again.text)], [true, true]);
      const none = await askByTls(port, { name: 'a.test', path: '/env.cgi', options: { maxVersion } });
      assert.equal(none.status, 403);
      // One that was made without it stays without it.
      const resumed = await askByTls(port, { name: 'a.test', options: { maxVersion, session: none.session! } });
      assert.equal(resumed.status, 403);
    }
    const plain = await RawClient.connect(t, plainPort);
    plain.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await plain.untilHas('403 Forbidden');
  });

  it('of another authority, or for another site of the address, open nothing', async (t) => {
    const { folder, port, a, b, start } = await workshop(t);
    const { makeAuthority, makeCertificate } = await import('../../src/tls/certificate-maker.ts');
    const other = await makeAuthority('another', 86_400_000);
    writeFileSync(join(folder, 'clients.pem'), (await testAuthority()).certificate);
    writeFileSync(join(folder, 'others.pem'), other.certificate);
    await start({
      site: { a: { ...a, clientCertificates: asking }, b: { ...b, clientCertificates: { authority: 'others.pem' } } },
    });
    const of = { names: [], title: 'x', lifetimeMs: 86_400_000, isForClients: true };
    const [ofOther, ofOurs] = [await makeCertificate(of, other), await testCertificate([], of)];
    const [others, ours] = [ofOther, ofOurs].map(({ chain, key }) => ({ cert: chain, key }));
    assert.equal((await askByTls(port, { name: 'a.test', options: others! })).status, 403);
    assert.equal((await askByTls(port, { name: 'b.test', options: others! })).status, 200);
    // The session of one site at the other (CVE-2025-23419), and one site by the connection of the other.
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const { session } = await askByTls(port, { name: 'a.test', options: { ...ours, maxVersion } });
      const crossed = await askByTls(port, { name: 'b.test', options: { maxVersion, session: session! } });
      assert.deepEqual([crossed.status, crossed.isResumed], [403, false]);
    }
    assert.equal((await askByTls(port, { name: 'a.test', host: 'b.test', options: ours! })).status, 421);
  });

  it('are not needed where the site says so', async (t) => {
    const { folder, port, a, start } = await workshop(t);
    writeFileSync(join(folder, 'clients.pem'), (await testAuthority()).certificate);
    await start({ site: { a: { ...a, route: toCgi, clientCertificates: { ...asking, required: false } } }, ...cgi });
    const { text } = await askByTls(port, { name: 'a.test', path: '/env.cgi' });
    assert.match(text, /^SSL_CLIENT_VERIFY=NONE$/m);
    assert.doesNotMatch(text, /REMOTE_USER/);
  });
});

describe('a proxy in front', () => {
  it('tells of its client by the PROXY protocol, where it is trusted and nothing else', async (t) => {
    const { plainPort, config, start } = await workshop(t);
    const site = {
      listen: { address: `127.0.0.1:${plainPort}`, proxyProtocol: true },
      root: 'a',
      route: toCgi,
      trustedProxies: ['127.0.0.1'],
    };
    const service = await start({ site: { site }, ...cgi });
    const client = await RawClient.connect(t, plainPort);
    client.send('PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\nGET /env.cgi HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.untilHas('REMOTE_ADDR=192.0.2.1');
    assert.match(client.received, /REMOTE_PORT=4711\n/);
    client.received = '';
    client.send('GET /env.cgi HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.untilHas('REMOTE_ADDR=192.0.2.1');
    const without = await RawClient.connect(t, plainPort);
    without.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const silent = await RawClient.connect(t, plainPort);
    for (const one of [without, silent]) await until(() => one.end !== 'open', 'the connection is closed');
    assert.equal(without.received, '');
    const changed = { ...site, trustedProxies: ['192.0.2.7'] };
    assert.equal((await service.reload([], config({ site: { site: changed }, ...cgi }))).ok, true);
    const stranger = await RawClient.connect(t, plainPort);
    stranger.send('PROXY TCP4 192.0.2.1 198.51.100.1 4711 443\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => stranger.end !== 'open', 'the connection is closed');
    assert.equal(stranger.received, '');
  });

  it('counts a client of IPv4 by that address where the service listens by IPv6, too: by TLS, after which it is forgotten, and without', {
    skip: hasIpv6 ? false : 'this machine has no IPv6',
  }, async (t) => {
    const { port, plainPort, a, start } = await workshop(t);
    const listen = [`https://[::]:${port}`, `[::]:${plainPort}`];
    const log = new RecordingLog();
    await start({ service: { maxConnectionsPerClient: 1 }, site: { a: { ...a, listen } } }, log);
    const isServed = async (): Promise<boolean> => (await askByTls(port, { name: 'a.test' })).status === 200;
    for (let round = 0; round < 3; round += 1) await until(isServed, 'the one before is forgotten');
    const stays = async (): Promise<boolean> => {
      const client = await RawClient.connect(t, plainPort);
      client.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
      await client.untilHas('page a');
      return true;
    };
    await until(stays, 'the one before is forgotten');
    const other = await RawClient.connect(t, plainPort);
    await other.untilEnd();
    assert.ok(log.matching(/a connection of 127\.0\.0\.1 was closed as it came/).length > 0);
  });

  it('may pass TLS through, ahead of which it tells of its client', async (t) => {
    const { port, a, start } = await workshop(t);
    const listen = { address: `https://127.0.0.1:${port}`, proxyProtocol: true };
    await start({ site: { a: { ...a, listen, route: toCgi, trustedProxies: ['127.0.0.1'] } }, ...cgi });
    const socket = plainConnect({ host: '127.0.0.1', port });
    t.after(() => socket.destroy());
    socket.write(Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000201c6336401126701bb', 'hex'));
    const { text } = await askByTls(port, { name: 'a.test', path: '/env.cgi', options: { socket } });
    assert.match(text, /^REMOTE_ADDR=192\.0\.2\.1$/m);
    assert.match(text, /^SSL_PROTOCOL=TLSv1\.3$/m);
  });

  it('tells by Forwarded where the site says so, and by nothing else then', async (t) => {
    const { plainPort, start } = await workshop(t);
    const listen = `127.0.0.1:${plainPort}`;
    const fields = { trustedProxies: ['127.0.0.1'], proxyFields: 'Forwarded' as const };
    await start({ site: { site: { listen, root: 'a', route: toCgi, ...fields } }, ...cgi });
    const client = await RawClient.connect(t, plainPort);
    const forged = 'X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: http\r\n';
    const told = 'Forwarded: for=203.0.113.8, for="[2001:db8::7]:4711";proto=https;host="shop.test"\r\n';
    client.send(`GET /env.cgi HTTP/1.1\r\nHost: a\r\n${forged}${told}\r\n`);
    await client.untilHas('SERVER_SOFTWARE');
    for (const line of ['REMOTE_ADDR=2001:db8::7', 'HTTPS=on', 'SERVER_NAME=shop.test', 'HTTP_HOST=shop.test'])
      assert.ok(client.received.includes(`${line}\n`), `${line} in ${client.received}`);
  });
});
