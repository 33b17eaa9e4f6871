import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { ConfigInput } from '../../src/config/config-schema.ts';
import {
  type AccessRecord,
  type Config,
  createService,
  defineConfig,
  fetchHandler,
  nodeHandler,
  type Service,
} from '../../src/index.ts';
import { findProgram, temporaryFolder } from '../support/folder.ts';
import { startNode } from '../support/node-program.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { until } from '../support/until.ts';

/** A service without an address, of a folder with a page and a CGI script that runs for as long as it is let. */
function embedded(
  t: TestContext,
  threads = 1,
): { folder: string; config: (site?: string) => ConfigInput; service: Service } {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'a.txt'), 'a file');
  writeFileSync(join(folder, 'hang.cgi'), '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\nbegun"\nexec sleep 60\n');
  chmodSync(join(folder, 'hang.cgi'), 0o755);
  const config = (site = 'main'): ConfigInput => ({
    site: { [site]: { listen: [], root: '.', route: [{ match: '*.cgi', pool: 'cgi' }] } },
    pool: { cgi: { cgi: true, stopTimeout: '1s' } },
  });
  const options = { runtimeBase: join(folder, 'run'), asRoot: 'allow', threads } as const;
  const service = createService(defineConfig(config(), folder), options);
  t.after(() => service.destroy());
  return { folder, config, service };
}

async function served(t: TestContext, service: Service): Promise<string> {
  const server = createServer(nodeHandler(service.handler())).listen(0, '127.0.0.1');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('a service in a server of one’s own', () => {
  it('answers through node:http and fetch from its start on, without an address of its own', async (t) => {
    const { service } = embedded(t);
    const base = await served(t, service);
    const early = await fetch(`${base}/a.txt`);
    assert.deepEqual([early.status, early.headers.has('retry-after')], [503, true]);
    await service.start();
    assert.deepEqual(service.status().listeners, []);
    assert.equal(await (await fetch(`${base}/a.txt`)).text(), 'a file');
    const inside = await fetchHandler(service.handler('main'))(new Request('http://example.org/a.txt'));
    assert.equal(await inside.text(), 'a file');
    assert.deepEqual(service.status().answers, { 200: 2 });
  });

  it('follows a reload, and answers 503 when that took its site away', async (t) => {
    const { folder, config, service } = embedded(t);
    await service.start();
    const handle = fetchHandler(service.handler());
    const statusOf = async (): Promise<number> => (await handle(new Request('http://example.org/a.txt'))).status;
    assert.equal((await service.reload([], defineConfig(config('other'), folder))).ok, true);
    assert.equal(await statusOf(), 503);
    assert.equal((await service.reload([], defineConfig(config(), folder))).ok, true);
    assert.equal(await statusOf(), 200);
  });

  it('answers in its own thread where front threads serve besides, and follows a reload there', async (t) => {
    const { folder, config, service } = embedded(t, 2);
    const handle = fetchHandler(service.handler());
    const statusOf = async (): Promise<number> => (await handle(new Request('http://example.org/a.txt'))).status;
    assert.equal(await statusOf(), 503);
    await service.start();
    assert.deepEqual(await Promise.all([statusOf(), statusOf()]), [200, 200]);
    assert.equal((await service.reload([], defineConfig(config('other'), folder))).ok, true);
    assert.equal(await statusOf(), 503);
    assert.equal((await service.reload([], defineConfig(config(), folder))).ok, true);
    assert.equal(await statusOf(), 200);
  });

  it('has no handler for a site that there is not', (t) => {
    const { service } = embedded(t);
    assert.throws(() => service.handler('shop'), { code: 'CONFIG_INVALID', message: /"shop": there are main$/ });
  });

  it('ends what still runs at the deadline of its end', { timeout: 30_000 }, async (t) => {
    const { service } = embedded(t);
    await service.start();
    const response = await fetch(`${await served(t, service)}/hang.cgi`);
    await response.body!.getReader().read();
    await service.close(100);
    assert.equal(service.status().pools[0]?.counters.running, 0);
  });

  it('a body that somebody before it has read is 500 with a log line, never an empty form', async (t) => {
    const { folder } = embedded(t);
    writeFileSync(join(folder, 'length.cgi'), '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"\nwc -c\n');
    chmodSync(join(folder, 'length.cgi'), 0o755);
    const log = new RecordingLog();
    const config = defineConfig(
      {
        site: { main: { listen: [], root: '.', route: [{ match: '*.cgi', pool: 'cgi' }] } },
        pool: { cgi: { cgi: true } },
      },
      folder,
    );
    const service = createService(config, { runtimeBase: join(folder, 'run'), asRoot: 'allow', log });
    t.after(() => service.destroy());
    await service.start();
    // As Express with express.urlencoded() in front of us.
    const handler = nodeHandler(service.handler());
    const server = createServer(async (request, response) => {
      if (request.headers['content-type'] === 'application/x-www-form-urlencoded') for await (const _ of request);
      handler(request, response);
    }).listen(0, '127.0.0.1');
    t.after(() => server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const chunked = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from('a=1'));
        controller.close();
      },
    });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const statusOf = async (path: string, body: unknown, headers: Record<string, string>): Promise<number> => {
      const init = { method: 'POST', body, headers, duplex: 'half' } as RequestInit;
      return (await fetch(`${url}${path}`, init)).status;
    };
    assert.equal(await statusOf('/length.cgi', 'a=1', { 'content-type': 'text/plain' }), 200);
    assert.equal(log.matching(/body/).length, 0);
    assert.equal(await statusOf('/length.cgi', 'a=1', form), 500);
    assert.equal(await statusOf('/length.cgi', chunked, form), 500);
    assert.equal(log.matching(/was read before Postern got it/).length, 2);

    const read = new Request('http://example.org/length.cgi', { method: 'POST', body: 'a=1' });
    await read.text();
    // A server that does not know the address says so with undefined.
    const answer = await fetchHandler(service.handler())(read, { remoteAddress: undefined });
    assert.equal(answer.status, 500);
  });

  it('writes the access logs that the configuration names, over reloads, whoever else is told; in front threads, too', async (t) => {
    for (const threads of [1, 2]) {
      const { folder, config } = embedded(t);
      const at = (name: string): string => join(folder, name);
      const withLog = (accessLog: string): Config => {
        const { site, pool } = config();
        const listen = threads === 1 ? [] : ['127.0.0.1:0'];
        const { main } = site as { main: object };
        return defineConfig(
          { site: { main: { ...main, listen, accessLog, accessFormat: '%r %s' } }, pool: pool! },
          folder,
        );
      };
      const told: string[] = [];
      const onAccess = threads === 1 ? { onAccess: ({ url }: AccessRecord) => void told.push(url) } : {};
      const service = createService(withLog('one.log'), {
        ...{ runtimeBase: at('run2'), asRoot: 'allow', threads },
        ...onAccess,
      });
      t.after(() => service.destroy());
      await service.start();
      const base = threads === 1 ? `${await served(t, service)}/` : service.status().listeners[0]!.url!;
      const written = (name: string, text: string): Promise<void> =>
        until(() => existsSync(at(name)) && readFileSync(at(name), 'utf8') === text, `${name} has ${text}`);
      await fetch(`${base}a.txt`);
      await written('one.log', '/a.txt 200\n');
      assert.deepEqual(service.status().log, { lostLines: 0, trouble: null });
      renameSync(at('one.log'), at('old.log'));
      service.reopenLogs();
      await fetch(`${base}none`);
      await written('one.log', '/none 404\n');
      assert.equal((await service.reload([], withLog('two.log'))).ok, true);
      await fetch(`${threads === 1 ? base : service.status().listeners[0]!.url!}a.txt`);
      await written('two.log', '/a.txt 200\n');
      assert.deepEqual(told, threads === 1 ? ['/a.txt', '/none', '/a.txt'] : []);
      await service.close();
    }
  });

  it('runs as examples/embed has it', { timeout: 60_000 }, async (t) => {
    if (findProgram('php-cgi') === null) return t.skip('php-cgi is not installed');
    const example = new URL('../../examples/embed/server.ts', import.meta.url).pathname;
    const program = startNode(t, [example, '0'], { env: { XDG_RUNTIME_DIR: temporaryFolder(t) } });
    const url = await new Promise<string>((resolve, reject) => {
      program.child.stdout!.once('data', (line: Buffer) => resolve(line.toString().trim()));
      void program.ended.then(() => reject(new Error(program.stderr())));
    });
    assert.match(await (await fetch(url)).text(), /PHP \d+\.\d+\.\d+, process \d+\./);
    assert.match(await (await fetch(`${url}api/time`)).text(), /^\{"now":"\d{4}-/);
    program.child.kill('SIGTERM');
    assert.equal(await program.ended, 0);
  });

  const options: readonly (readonly [name: string, options: readonly string[]])[] = [
    ['--eval', ['--eval']],
    ['--input-type', ['--input-type=module', '--eval']],
    [
      '--import of what only the program needs',
      [
        '--import',
        'data:text/javascript,process.exitCode=0;process.getBuiltinModule("node:worker_threads").isMainThread||process.exit(7)',
        '--eval',
      ],
    ],
  ];
  for (const [name, started] of options) {
    it(`has front threads in a program that was started with ${name}`, async (t) => {
      const folder = temporaryFolder(t);
      writeFileSync(join(folder, 'a.txt'), 'a file');
      const program = startNode(
        t,
        [
          ...started,
          `import(${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}).then(async ({ createService, defineConfig }) => {
            const config = defineConfig({ service: { threads: 2 }, site: { main: { listen: '127.0.0.1:0', root: '.' } } }, ${JSON.stringify(folder)});
            const service = createService(config, { runtimeBase: ${JSON.stringify(join(folder, 'run'))}, asRoot: 'allow' });
            await service.start();
            console.error('listens on ' + JSON.stringify(service.status().listeners[0]) + '.');
            process.on('SIGTERM', () => service.close());
          });`,
        ],
        { cwd: folder },
      );
      await program.until('listens on ');
      const url = /http:[^"]*:\d+/.exec(program.stderr())![0];
      assert.equal(await (await fetch(`${url}/a.txt`)).text(), 'a file');
      program.child.kill('SIGTERM');
      assert.equal(await program.ended, 0);
    });
  }
});
