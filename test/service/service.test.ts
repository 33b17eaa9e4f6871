import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { createClient } from '../../src/client/index.ts';
import type { ConfigInput } from '../../src/config/config-schema.ts';
import { defineConfig } from '../../src/config/define-config.ts';
import type { AccessRecord } from '../../src/gateway/request-log.ts';
import { findPhp } from '../../src/php/find-php.ts';
import { createService, type Service } from '../../src/service/service.ts';
import { processIds } from '../../src/worker/process-table.ts';
import { temporaryFolder } from '../support/folder.ts';
import { phpMissing } from '../support/php-service.ts';
import { until } from '../support/until.ts';

const program = new URL('../../examples/apps/hello.ts', import.meta.url).pathname;

/** A folder with a page and a CGI script, and services from configurations in it. */
function workshop(t: TestContext) {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'a'));
  mkdirSync(join(folder, 'b'));
  writeFileSync(join(folder, 'a/index.html'), 'page a');
  writeFileSync(join(folder, 'b/index.html'), 'page b');
  writeFileSync(join(folder, 'a/who.cgi'), '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n%s" "$WHO"\n');
  chmodSync(join(folder, 'a/who.cgi'), 0o755);
  const config = (input: ConfigInput) => defineConfig(input, folder);
  const start = async (input: ConfigInput): Promise<Service> => {
    const service = createService(config(input), { runtimeBase: join(folder, 'run'), asRoot: 'allow' });
    t.after(() => service.destroy());
    await service.start();
    return service;
  };
  return { folder, config, start };
}

/** Processes with the folder of a test in their environment, of a program. */
const programsOf = (folder: string, name: string): number[] =>
  (processIds() ?? []).filter((pid) => {
    try {
      const isOurs = readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`TEST_FOLDER=${folder}\0`);
      return isOurs && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(name);
    } catch {
      return false; // it has just ended, or is not ours to look at
    }
  });
const urlsOf = (service: Service): string[] => service.status().listeners.map(({ url }) => url ?? '');
const textOf = async (url: string): Promise<string> => (await fetch(url)).text();

describe('Service', () => {
  it('opens, keeps and closes listeners at a reload, and gives an address to another site', async (t) => {
    const { config, start } = workshop(t);
    const service = await start({ site: { one: { listen: '127.0.0.1:0', root: 'a' } } });
    const [first] = urlsOf(service);
    assert.equal(await textOf(first!), 'page a');

    // The same text is the same listener, whatever port it got.
    const two = config({ site: { one: { listen: ['127.0.0.1:0', '127.0.0.2:0'], root: 'a' } } });
    assert.equal((await service.reload([], two)).ok, true);
    assert.equal(urlsOf(service)[0], first);
    assert.equal(await textOf(urlsOf(service)[1]!), 'page a');
    const second = urlsOf(service)[1]!;

    const moved = config({ site: { other: { listen: '127.0.0.1:0', root: 'b' } } });
    assert.match(
      (await service.reload([], moved)).message,
      /^reloaded: no longer on 127\.0\.0\.2:\d+, sites replaced$/,
    );
    assert.equal(await textOf(first!), 'page b');
    await assert.rejects(fetch(second));
  });

  it('tells the access log of what was no request, and counts its answer', async (t) => {
    const { folder, config } = workshop(t);
    const records: AccessRecord[] = [];
    const service = createService(config({ site: { one: { listen: '127.0.0.1:0', root: 'a' } } }), {
      runtimeBase: join(folder, 'run'),
      onAccess: (record) => records.push(record),
    });
    t.after(() => service.destroy());
    await service.start();
    const socket = connect(Number(new URL(urlsOf(service)[0]!).port), '127.0.0.1');
    socket.end('GET /secret?token=1 HTTP/2.0\r\n\r\n');
    const answer = Buffer.concat(await socket.toArray()).toString();
    assert.match(answer, /^HTTP\/1\.1 505 /);
    const [record, more] = records;
    assert.equal(more, undefined);
    const { method, url, status, bytes, error, remoteAddress, site } = record!;
    assert.deepEqual(
      { method, url, status, bytes, error, remoteAddress, site },
      {
        method: '-',
        url: '-',
        status: 505,
        bytes: answer.length - answer.indexOf('\r\n\r\n') - 4,
        error: 'VERSION_UNSUPPORTED',
        remoteAddress: '127.0.0.1',
        site: 'one',
      },
    );
    assert.deepEqual(service.status().answers, { 505: 1 });
  });

  it('refuses a reload that would let in clients as before though allowedClients changed', async (t) => {
    const { config, start } = workshop(t);
    const one = (allowedClients: string[]) => ({
      site: { one: { listen: 'fastcgi://127.0.0.1:0', root: 'a', allowedClients } },
    });
    const service = await start(one(['127.0.0.1', '127.0.0.2']));
    assert.equal((await service.reload([], config(one(['127.0.0.1', '127.0.0.2'])))).ok, true);
    const outcome = await service.reload([], config(one(['127.0.0.1'])));
    assert.equal(outcome.ok, false);
    assert.match(outcome.message, /allowedClients of fastcgi:\/\/127\.0\.0\.1:0 changed, which takes a new start/);
  });

  it('changes nothing when an address of the new configuration is in use', async (t) => {
    const { config, start } = workshop(t);
    const taken = createServer().listen(0, '127.0.0.3');
    t.after(() => taken.close());
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    const service = await start({ site: { one: { listen: '127.0.0.1:0', root: 'a' } } });
    const before = service.config;
    const next = config({ site: { one: { listen: ['127.0.0.1:0', '127.0.0.2:0', `127.0.0.3:${port}`], root: 'b' } } });
    const outcome = await service.reload([], next);
    assert.equal(outcome.ok, false);
    assert.match(outcome.message, /the service goes on as it was: 127\.0\.0\.3:\d+ is in use/);
    assert.equal(service.config, before);
    assert.equal(urlsOf(service).length, 1);
    assert.equal(await textOf(urlsOf(service)[0]!), 'page a');
  });

  it('starts, changes and ends pools at a reload; a new one that does not start changes nothing', async (t) => {
    const { config, start } = workshop(t);
    const site = (pool: string) => ({ main: { listen: '127.0.0.1:0', root: 'a', route: [{ match: '*.cgi', pool }] } });
    const service = await start({ site: site('who'), pool: { who: { cgi: true, env: { WHO: 'first' } } } });
    const who = `${urlsOf(service)[0]}who.cgi`;
    assert.equal(await textOf(who), 'first');

    const changed = config({ site: site('who'), pool: { who: { cgi: true, env: { WHO: 'second' } } } });
    assert.equal((await service.reload([], changed)).message, 'reloaded: pool who reloaded');
    assert.equal(await textOf(who), 'second');

    const misnamed = await service.reload(['hwo'], changed);
    assert.equal(misnamed.ok, false);
    assert.match(misnamed.message, /there is no pool "hwo": did you mean "who"\?/);

    const missing = config({
      site: site('who'),
      pool: { who: { cgi: true, env: { WHO: 'third' } }, broken: { command: ['/no/such/program'] } },
    });
    const outcome = await service.reload([], missing);
    assert.equal(outcome.ok, false, outcome.message);
    assert.equal(await textOf(who), 'second', 'what was reloaded before the failure was undone');
    assert.deepEqual(
      service.plans.map(({ name }) => name),
      ['who'],
    );

    const renamed = config({ site: site('she'), pool: { she: { cgi: true, env: { WHO: 'she' } } } });
    assert.equal(
      (await service.reload([], renamed)).message,
      'reloaded: pool she started, pool who ended, sites replaced',
    );
    assert.equal(await textOf(who), 'she');
  });

  it('runs an application under workers, and tells that it is ready', async (t) => {
    const { start } = workshop(t);
    const service = await start({
      site: { main: { listen: '127.0.0.1:0', root: 'a', route: [{ match: '/app/*', pool: 'app' }] } },
      pool: { app: { app: program, workers: 2 } },
    });
    assert.deepEqual(service.status().notReady, []);
    assert.match(await textOf(`${urlsOf(service)[0]}app/you`), /^Hello/);
    assert.equal(service.status().pools[0]?.counters.finished, 1);
    assert.deepEqual(service.status().answers, { 200: 1 });
    await service.close();
    assert.equal(service.status().state, 'stopped');
    assert.deepEqual(
      service.status().pools[0]?.lanes.filter(({ state }) => state !== 'gone'),
      [],
    );
  });

  it('leaves nothing behind when it is destroyed while it opens', async (t) => {
    const { folder, config } = workshop(t);
    const path = join(folder, 'site.sock');
    const service = createService(config({ site: { main: { listen: `unix:${path}`, root: 'a' } } }), {
      runtimeBase: join(folder, 'run'),
    });
    const starting = service.start();
    await Promise.all([starting, service.destroy()]);
    assert.equal(service.status().state, 'stopped');
    assert.deepEqual([existsSync(path), readdirSync(join(folder, 'run'))], [false, []]);
  });

  for (const threads of [1, 2]) {
    it(`leaves nothing behind wherever its start is ended, with threads = ${threads}`, {
      skip: phpMissing,
    }, async (t) => {
      const { folder, config } = workshop(t);
      const [run, site] = [join(folder, 'run'), join(folder, 'site.sock')];
      const env = { TEST_FOLDER: folder };
      const found = await findPhp({ wanted: 'auto', path: process.env.PATH ?? '', home: null, folder });
      const input: ConfigInput = {
        site: { main: { listen: `unix:${site}`, root: 'a', route: [{ match: '*.php', pool: 'php' }] } },
        admin: { listen: '127.0.0.1:0' },
        pool: { php: { php: 'auto', env }, app: { app: program, env } },
      };
      const reached: Readonly<Record<string, (service: Service) => boolean>> = {
        'its folder is there': () => readdirSync(run).length > 0,
        'PHP runs': () => programsOf(folder, 'php-cgi').length > 0,
        'it listens': () => existsSync(site),
        'the admin pages are there': (service) => service.status().admin !== null,
        'the application runs': () => programsOf(folder, 'hello.ts').length > 0,
        'it can be asked': () => readdirSync(run).some((one) => existsSync(join(run, one, 'control.sock'))),
      };
      mkdirSync(run);
      for (const [where, isReached] of Object.entries(reached)) {
        for (const end of ['close', 'destroy'] as const) {
          const service = createService(config(input), {
            ...{ runtimeBase: run, asRoot: 'allow', threads, findPhp: () => Promise.resolve(found) },
          });
          let isOver = false;
          const starting = service.start().finally(() => {
            isOver = true;
          });
          while (!isReached(service) && !isOver) await immediate();
          assert.ok(isReached(service), where);
          await Promise.all([starting, service[end]()]);
          assert.equal(service.status().state, 'stopped');
          assert.deepEqual([existsSync(site), readdirSync(run)], [false, []], `${end}, when ${where}`);
          await until(() => programsOf(folder, '').length === 0, `all have ended after ${end}, when ${where}`);
        }
      }
    });
  }

  it('says that a pool does not start, and serves the rest', async (t) => {
    const { start } = workshop(t);
    const service = await start({
      site: { main: { listen: '127.0.0.1:0', root: 'a', route: [{ match: '/app/*', pool: 'app' }] } },
      pool: { app: { command: ['/no/such/program'] } },
    });
    assert.match(service.status().notReady[0] ?? '', /^pool app has no worker that is ready/);
    assert.equal(await textOf(urlsOf(service)[0]!), 'page a');
    assert.equal((await fetch(`${urlsOf(service)[0]}app/`)).status, 503);
  });

  it('listens for FastCGI too, before the same sites', async (t) => {
    const { folder, start } = workshop(t);
    const socket = join(folder, 'in.sock');
    await start({ site: { main: { listen: `fastcgi+unix:${socket}`, root: 'a' } } });
    const client = createClient({ address: `unix:${socket}` });
    t.after(() => client.destroy());
    const answer = await client.request({ url: '/index.html' });
    assert.deepEqual([answer.status, answer.text()], [200, 'page a']);
  });

  it('sends requests to FastCGI servers elsewhere, and counts them', async (t) => {
    const { folder, start } = workshop(t);
    const socket = join(folder, 'far.sock');
    await start({ site: { main: { listen: `fastcgi+unix:${socket}`, root: 'b' } } });
    const near = createService(
      defineConfig(
        {
          site: { main: { listen: '127.0.0.1:0', root: 'a', route: [{ match: '/*', pool: 'far' }] } },
          pool: { far: { connect: `unix:${socket}` } },
        },
        folder,
      ),
      { runtimeBase: join(folder, 'near') },
    );
    t.after(() => near.destroy());
    await near.start();
    assert.equal(await textOf(urlsOf(near)[0]!), 'page b');
    assert.equal(near.status().pools[0]?.counters.finished, 1);
  });

  it('leaves nothing running when it cannot start, and has begun no program but PHP', async (t) => {
    const { config, folder } = workshop(t);
    const taken = createServer().listen(0, '127.0.0.1');
    t.after(() => taken.close());
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    const input: ConfigInput = {
      site: { main: { listen: ['127.0.0.2:0', `127.0.0.1:${port}`], root: 'a' } },
      pool: {
        app: { app: program, env: { TEST_FOLDER: folder } },
        php: { php: 'auto', env: { TEST_FOLDER: folder } },
        begun: { command: ['/bin/sh', '-c', `touch ${folder}/begun; exec sleep 60`] },
      },
    };
    const free = { site: { main: { listen: '127.0.0.1:0', root: 'a' } }, admin: { listen: `127.0.0.1:${port}` } };
    for (const one of [input, { ...input, ...free }]) {
      const service = createService(config(one), { runtimeBase: join(folder, 'run'), asRoot: 'allow' });
      await assert.rejects(service.start(), { code: 'ADDRESS_IN_USE' });
      assert.equal(service.status().state, 'stopped');
      if (one === input) assert.deepEqual(service.status().listeners, []);
      assert.ok(!existsSync(join(folder, 'begun')), 'a program was begun');
      await until(() => programsOf(folder, '').length === 0, 'PHP has ended');
    }
  });
});
