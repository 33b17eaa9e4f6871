import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { type AdminOptions, adminHandler } from '../../src/admin/admin-handler.ts';
import type { ServiceStatus } from '../../src/admin/source.ts';
import { laneSnapshot, measures, poolSnapshot, serviceStatus } from '../support/service-status.ts';

interface Got {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

type Ask = (method: string, path: string, headers?: Record<string, string>) => Promise<Got>;

async function pages(t: TestContext, status: ServiceStatus, options: AdminOptions = {}): Promise<Ask> {
  const server = createServer(
    adminHandler({ status: () => status, gatherStatus: async () => status, measures: () => measures() }, options),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return (method, path, headers = {}) =>
    new Promise((resolve, reject) => {
      const asked = request({ port, host: '127.0.0.1', method, path, headers, agent: false }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (piece: string) => {
          body += piece;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body }),
        );
      });
      asked.on('error', reject).end();
    });
}

describe('the admin pages', () => {
  it('tell the status as JSON to programs, as text to browsers and where it is asked for', async (t) => {
    const ask = await pages(t, serviceStatus());
    const json = await ask('GET', '/status');
    assert.deepEqual([json.status, json.type], [200, 'application/json; charset=utf-8']);
    assert.deepEqual(JSON.parse(json.body), JSON.parse(JSON.stringify(serviceStatus())));
    assert.match((await ask('GET', '/status', { accept: 'text/html,*/*' })).type, /^text\/plain/);
    assert.match((await ask('GET', '/status?format=text')).body, /^Postern 1\.2\.3 {2}pid 4240, up 1 min 5 s, ready\n/);
    assert.match((await ask('GET', '/status?format=json', { accept: 'text/html' })).type, /^application\/json/);
  });

  it('survive any request target', async (t) => {
    const ask = await pages(t, serviceStatus());
    for (const target of ['//', '//evil', '/\\\\', '*', '/status//', '/%']) {
      assert.equal((await ask('GET', target)).status, 404, target);
    }
    assert.equal((await ask('GET', '/livez?%')).status, 200);
  });

  it('turn not ready into 503, and stay alive', async (t) => {
    const ask = await pages(t, serviceStatus({ notReady: ['stopping'], state: 'stopping' }));
    assert.deepEqual(await ask('GET', '/readyz'), {
      status: 503,
      type: 'text/plain; charset=utf-8',
      body: 'stopping\n',
    });
    assert.equal((await ask('GET', '/livez')).status, 200);
  });

  it('give metrics, with texts escaped', async (t) => {
    const ask = await pages(t, serviceStatus({ pools: [poolSnapshot({ name: 'a"b\nc' })] }));
    const { status, type, body } = await ask('GET', '/metrics');
    assert.equal(status, 200);
    assert.match(type, /^text\/plain; version=0\.0\.4/);
    assert.match(body, /^postern_pool_accepted_total\{pool="a\\"b\\nc"\} 1204$/m);
    assert.match(body, /^postern_pool_lanes\{pool="a\\"b\\nc",state="idle"\} 1$/m);
    assert.match(body, /^postern_answers_total\{status="200"\} 12$/m);
    assert.match(body, /^postern_limited_total\{limit="minBodyRate"\} 2$/m);
  });

  const hosts: readonly [host: string, status: number][] = [
    ['localhost:2020', 200],
    ['admin.localhost', 200],
    ['127.0.0.1:2020', 200],
    ['[::1]:2020', 200],
    ['ops.example:2020', 200],
    ['evil.example', 403],
    ['localhost.evil.example', 403],
    ['a b', 403],
  ];
  for (const [host, status] of hosts) {
    it(`answer ${status} to the Host ${host}`, async (t) => {
      const ask = await pages(t, serviceStatus(), { hosts: () => ['Ops.example'] });
      assert.equal((await ask('GET', '/status', { host })).status, status);
    });
  }

  it('refuse what comes from the page of another site, and take what comes from their own', async (t) => {
    const ask = await pages(t, serviceStatus());
    assert.equal((await ask('GET', '/status', { host: 'localhost:1', origin: 'http://evil.example' })).status, 403);
    assert.equal((await ask('GET', '/status', { host: 'localhost:1', origin: 'null' })).status, 403);
    assert.equal((await ask('GET', '/status', { host: 'localhost:1', origin: 'http://localhost:1' })).status, 200);
  });

  it('change nothing without controls, and nothing on GET with them', async (t) => {
    const asked: unknown[] = [];
    const controls = {
      reload: (pools: readonly string[]) => {
        asked.push(pools);
        return Promise.resolve({ at: 0, ok: !pools.includes('bad'), message: 'so' });
      },
      stop: () => {
        asked.push('stop');
      },
      explain: (url: string) =>
        url === '/a?b' ? Promise.resolve({ why: 'so' }) : Promise.reject(new Error('no site listens there')),
    };
    const open = await pages(t, serviceStatus());
    assert.equal((await open('POST', '/reload')).status, 404);
    assert.equal((await open('POST', '/status')).status, 405);
    const control = await pages(t, serviceStatus(), { controls });
    assert.equal((await control('GET', '/reload')).status, 405);
    assert.equal((await control('GET', '/stop')).status, 405);
    assert.deepEqual(asked, []);
    assert.equal((await open('GET', '/explain?url=%2F')).status, 404);
    assert.deepEqual(JSON.parse((await control('GET', '/explain?url=%2Fa%3Fb')).body), { why: 'so' });
    assert.deepEqual(JSON.parse((await control('GET', '/explain?url=x')).body), { error: 'no site listens there' });
    assert.equal((await control('POST', '/reload?pool=a&pool=b')).status, 200);
    assert.equal((await control('POST', '/reload?pool=bad')).status, 422);
    assert.equal((await control('POST', '/stop')).status, 202);
    assert.deepEqual(asked, [['a', 'b'], ['bad'], 'stop']);
  });

  it('answer 404 to what is not there, whatever its name', async (t) => {
    const ask = await pages(t, serviceStatus({ pools: [poolSnapshot({ lanes: [laneSnapshot()] })] }));
    for (const path of ['/nothing', '/__proto__', '/constructor', '/status/'])
      assert.equal((await ask('GET', path)).status, 404);
  });
});
