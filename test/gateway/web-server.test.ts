// What a web server in front has decided, under our root and with our checks.

import assert from 'node:assert/strict';
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Site } from '../../src/gateway/site.ts';
import type { Environment } from '../../src/protocol/cgi/exchange.ts';
import { temporaryFolder } from '../support/folder.ts';
import { ask, httpRequest } from '../support/recording-answer.ts';
import { makeSite, route, type TestSite } from '../support/site.ts';

interface Behind extends TestSite {
  /** Sends a request with the web server's variables; "@" in a value is the root. */
  pass(
    variables: Environment,
    address?: string,
  ): Promise<{ readonly status: number; readonly environment: Environment }>;
}

function behind(t: TestContext, files: Record<string, string>, given: Partial<Site> = {}): Behind {
  const site = makeSite(t, files, given);
  const root = realpathSync(site.root);
  return {
    ...site,
    root,
    async pass(given, address = '127.0.0.1') {
      const variables = Object.fromEntries(
        Object.entries(given).map(([name, value]) => [name, value.replaceAll('@', root)]),
      );
      const target = variables.REQUEST_URI ?? '/';
      const headers = ['Host', 'site.example'];
      const { status } = await ask(
        site.gateway.handle,
        httpRequest(target, { headers, webServer: { address, variables } }),
      );
      const environment = { ...site.backend.requests.shift()?.environment };
      return { status, environment };
    },
  };
}

const files = { 'p.php': '', 'index.php': '', 'sub/p.php': '', 'upload/x.jpg': '', 'caf\u00e9.php': '' };

describe('what a web server chose', () => {
  for (const [how, file] of [
    ['a plain path', '@/p.php'],
    ['mod_proxy_fcgi with SetHandler', 'proxy:fcgi://127.0.0.1:9000@/p.php'],
    ['mod_proxy_fcgi with ProxyPass over a socket', 'proxy:unix:/run/a.sock|fcgi://localhost@/p.php'],
    ['mod_proxy_fcgi with a balancer', 'proxy:balancer://php@/p.php'],
    ['mod_proxy_fcgi with the query of a RewriteRule', 'proxy:fcgi://127.0.0.1:9000@/p.php?a=b'],
    ['slashes and dots too many', '@//sub/.././p.php'],
  ] as const) {
    it(`runs, spelled as ${how}; REQUEST_URI decides nothing and passes through`, async (t) => {
      const { pass, root } = behind(t, files, { fallback: '/index.php' });
      const { environment } = await pass({
        SCRIPT_FILENAME: file,
        SCRIPT_NAME: '/p.php',
        PATH_INFO: '/a',
        QUERY_STRING: 'route=a',
        REQUEST_URI: '/sub/p.php?x',
      });
      const { SCRIPT_FILENAME, SCRIPT_NAME, PATH_INFO, QUERY_STRING, REQUEST_URI } = environment;
      assert.deepEqual(
        [SCRIPT_FILENAME, SCRIPT_NAME, PATH_INFO, QUERY_STRING, REQUEST_URI],
        [`${root}/p.php`, '/p.php', '/a', 'route=a', '/sub/p.php?x'],
      );
    });
  }

  it('is SCRIPT_NAME with PATH_INFO where it names no file', async (t) => {
    const { pass, root } = behind(t, files);
    const { environment } = await pass({ SCRIPT_NAME: '/p.php/a', PATH_INFO: '/b', REQUEST_URI: '/other' });
    assert.deepEqual(
      [environment.SCRIPT_FILENAME, environment.SCRIPT_NAME, environment.PATH_INFO],
      [`${root}/p.php`, '/p.php', '/a/b'],
    );
  });

  it('is told apart from the path behind it, where both of its names hold that', async (t) => {
    const { pass } = behind(t, files);
    const file = 'proxy:fcgi://127.0.0.1:9000@/p.php/a%20b';
    const { environment } = await pass({ SCRIPT_FILENAME: file, SCRIPT_NAME: '/p.php/a b' });
    assert.deepEqual([environment.SCRIPT_NAME, environment.PATH_INFO], ['/p.php', '/a%20b']);
    const slash = await pass({ SCRIPT_FILENAME: '@/p.php/', SCRIPT_NAME: '/p.php' });
    assert.deepEqual([slash.environment.SCRIPT_NAME, slash.environment.PATH_INFO], ['/p.php', undefined]);
  });

  it('is looked up by its name where the web server has its files on another machine, not where it has another folder of this one', async (t) => {
    const { pass, root } = behind(t, files);
    const there = { DOCUMENT_ROOT: '/nowhere/html', SCRIPT_FILENAME: '/nowhere/html/p.php', SCRIPT_NAME: '/p.php' };
    const { environment } = await pass(there);
    assert.deepEqual([environment.SCRIPT_FILENAME, environment.DOCUMENT_ROOT], [`${root}/p.php`, root]);
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'p.php'), '');
    const here = { DOCUMENT_ROOT: folder, SCRIPT_FILENAME: `${folder}/p.php`, SCRIPT_NAME: '/p.php' };
    assert.equal((await pass(here)).status, 404);
  });

  it('runs from the folder of an alias that a route has too', async (t) => {
    const folder = realpathSync(temporaryFolder(t));
    writeFileSync(join(folder, 'p.php'), '');
    const site = makeSite(t, files);
    const { pass } = behind(t, files, { routes: [route('/alias/*.php', 'script', site.backend, { root: folder })] });
    assert.equal((await pass({ SCRIPT_FILENAME: `${folder}/p.php`, SCRIPT_NAME: '/alias/p.php' })).status, 200);
    assert.equal(site.backend.requests[0]!.environment.SCRIPT_FILENAME, `${folder}/p.php`);
    assert.equal((await pass({ SCRIPT_FILENAME: `${folder}/none.php`, SCRIPT_NAME: '/p.php' })).status, 404);
  });

  it('may call the root by the link that leads there', async (t) => {
    const { root, backend } = behind(t, files);
    const link = join(temporaryFolder(t), 'current');
    symlinkSync(root, link);
    const { pass } = behind(t, files, { root: link, routes: [route('*.php', 'script', backend)] });
    await pass({ SCRIPT_FILENAME: `${link}/p.php`, SCRIPT_NAME: '/p.php', DOCUMENT_ROOT: link });
    const { environment } = backend.requests[0]!;
    assert.deepEqual([environment.SCRIPT_FILENAME, environment.DOCUMENT_ROOT], [`${link}/p.php`, link]);
  });

  it('A FastCGI front runs only scripts under its configured root (rule 7), and no upload', async (t) => {
    const outside = temporaryFolder(t);
    writeFileSync(join(outside, 'x.php'), '');
    const { pass, root, backend } = behind(t, files);
    mkdirSync(join(root, '.git'));
    writeFileSync(join(root, '.git', 'x.php'), '');
    symlinkSync(join(outside, 'x.php'), join(root, 'out.php'));
    for (const variables of [
      { SCRIPT_FILENAME: '/etc/passwd', SCRIPT_NAME: '/p.php' },
      { SCRIPT_FILENAME: `${outside}/x.php`, SCRIPT_NAME: '/p.php' },
      { SCRIPT_FILENAME: `${outside}/x.php`, SCRIPT_NAME: '/x.php', DOCUMENT_ROOT: outside },
      { SCRIPT_FILENAME: `@/../${outside.split('/').at(-1)}/x.php`, SCRIPT_NAME: '/p.php' },
      { SCRIPT_FILENAME: '@2/p.php', SCRIPT_NAME: '/p.php' },
      { SCRIPT_FILENAME: '@/../../p.php', SCRIPT_NAME: '/p.php' },
      { SCRIPT_FILENAME: '@/out.php', SCRIPT_NAME: '/out.php' },
      { SCRIPT_FILENAME: '@/.git/x.php', SCRIPT_NAME: '/p.php' },
      { SCRIPT_FILENAME: '@/upload/x.jpg', SCRIPT_NAME: '/upload/x.jpg/y.php', PATH_INFO: '/y.php' },
      { SCRIPT_FILENAME: '@/upload/x.jpg/y.php', SCRIPT_NAME: '/upload/x.jpg/y.php' },
      { SCRIPT_FILENAME: '@/upload\\x.jpg/y.php', SCRIPT_NAME: '/p.php' },
      { SCRIPT_FILENAME: '@/none.php', SCRIPT_NAME: '/p.php' },
      { SCRIPT_NAME: '/upload/x.jpg', PATH_INFO: '/y.php' },
    ]) {
      const { status } = await pass(variables);
      assert.ok(backend.requests.length === 0 && status !== 502, JSON.stringify(variables));
    }
    assert.equal((await pass({ SCRIPT_FILENAME: '@/p.php\0.jpg', SCRIPT_NAME: '/p.php' })).status, 400);
  });

  it('never reaches a program together with what makes PHP run another file', async (t) => {
    const { pass } = behind(t, files);
    const { environment } = await pass({
      SCRIPT_FILENAME: '@/index.php',
      SCRIPT_NAME: '/index.php',
      PATH_INFO: '/upload/x.jpg',
      PATH_TRANSLATED: '@/upload/x.jpg',
      REDIRECT_URL: '/upload/x.jpg',
    });
    assert.deepEqual(
      [environment.PATH_INFO, environment.PATH_TRANSLATED, environment.REDIRECT_URL],
      ['/upload/x.jpg', undefined, undefined],
    );
  });

  it('is denied where a route denies its URL or its file', async (t) => {
    const { backend } = makeSite(t);
    const routes = [{ match: '/sub/*', kind: 'deny' } as const, route('*.php', 'script', backend)];
    const { pass } = behind(t, files, { routes });
    assert.equal((await pass({ SCRIPT_FILENAME: '@/sub/p.php', SCRIPT_NAME: '/p.php' })).status, 404);
    assert.equal((await pass({ SCRIPT_FILENAME: '@/p.php', SCRIPT_NAME: '/sub/p.php' })).status, 404);
    assert.equal(backend.requests.length, 0);
  });

  it('is a mounted application where a route mounts one, whatever file the web server made up', async (t) => {
    const { pass } = behind(t, files);
    const { environment } = await pass({ SCRIPT_FILENAME: '@/app/x', SCRIPT_NAME: '/app', PATH_INFO: '/x' });
    assert.deepEqual(
      [environment.SCRIPT_NAME, environment.PATH_INFO, environment.SCRIPT_FILENAME],
      ['/app', '/x', undefined],
    );
  });
});

describe('what a web server says', () => {
  const script = { SCRIPT_FILENAME: '@/p.php', SCRIPT_NAME: '/p.php' };

  it('passes through, over what the configuration says, and that over header fields; nothing is added that a script could miss behind PHP-FPM', async (t) => {
    const { pass, root } = behind(t, files, {
      env: { APP: 'ours', HTTP_X_A: 'ours', MORE: 'ours', SCRIPT_NAME: '/x' },
    });
    const said = {
      ...script,
      REMOTE_USER: 'ann',
      AUTH_TYPE: 'Basic',
      SERVER_NAME: 'Site.Example',
      SERVER_SOFTWARE: 'nginx/1.22.1',
      SSL_PROTOCOL: 'TLSv1.3',
      APP: 'theirs',
      HTTP_X_A: 'client',
      HTTP_CONNECTION: 'close',
      CONTENT_LENGTH: '',
      PATH_INFO: '',
      'proxy-nokeepalive': '1',
    };
    const { environment } = await pass(said);
    assert.deepEqual(environment, {
      ...said,
      SCRIPT_FILENAME: `${root}/p.php`,
      HTTP_X_A: 'ours',
      MORE: 'ours',
      QUERY_STRING: '',
      REQUEST_METHOD: 'GET',
      GATEWAY_INTERFACE: 'CGI/1.1',
      SERVER_PROTOCOL: 'HTTP/1.1',
      SERVER_PORT: environment.SERVER_PORT,
      REMOTE_ADDR: environment.REMOTE_ADDR,
      REQUEST_URI: '/',
      DOCUMENT_ROOT: root,
    });
  });

  it('PHP_VALUE and PHP_ADMIN_VALUE pass through a FastCGI front only from a peer marked trusted (rule 11)', async (t) => {
    const { pass } = behind(t, files, { trustedPeers: ['10.0.0.0/8', 'unix'] });
    const values = { ...script, PHP_VALUE: 'a=1', PHP_ADMIN_VALUE: 'b=2' };
    for (const [address, passes] of [
      ['10.1.2.3', true],
      ['', true],
      ['127.0.0.1', false],
      ['unknown', false],
    ] as const) {
      const { environment } = await pass(values, address);
      assert.equal('PHP_VALUE' in environment && 'PHP_ADMIN_VALUE' in environment, passes, address);
      assert.equal('PHP_VALUE' in environment || 'PHP_ADMIN_VALUE' in environment, passes, address);
    }
  });

  it('is no environment for a process, but for the variables of CGI, unless the peer is trusted', async (t) => {
    const { backend, gateway, root } = makeSite(t, files, { trustedPeers: ['unix'] });
    const variables = {
      SCRIPT_FILENAME: `${realpathSync(root)}/p.php`,
      LD_PRELOAD: '/x.so',
      PATH: '/x',
      'BASH_FUNC_a%%': '() { x; }',
      APP: 'x',
      SSL_PROTOCOL: 'TLSv1.3',
      REMOTE_USER: 'ann',
      HTTP_X: '1',
      PATH_INFO: '',
    };
    for (const address of ['127.0.0.1', '']) {
      await ask(gateway.handle, httpRequest('/', { webServer: { address, variables } }));
    }
    assert.deepEqual(
      backend.requests.map(({ foreign }) => foreign),
      [['LD_PRELOAD', 'PATH', 'BASH_FUNC_a%%', 'APP'], []],
    );
    assert.ok(!('BASH_FUNC_a%%' in backend.requests[1]!.environment));
  });

  it('drops what clients forge to talk to gateways and programs', async (t) => {
    const { pass } = behind(t, files);
    const forged = {
      HTTP_PROXY: 'x',
      HTTP_X_ACCEL_REDIRECT: 'x',
      HTTP_X_SENDFILE: 'x',
      HTTP_REDIRECT_STATUS: 'x',
      HTTP_CONTENT_TYPE: 'x',
    };
    const { environment } = await pass({ ...script, ...forged });
    assert.deepEqual(
      Object.keys(forged).filter((name) => name in environment),
      [],
    );
  });

  it('gives way to a trusted proxy in front of the web server', async (t) => {
    const { pass } = behind(t, files, { trustedProxies: ['192.0.2.0/24'] });
    const { environment } = await pass({ ...script, REMOTE_ADDR: '192.0.2.9', SERVER_NAME: 'inner' });
    assert.equal(environment.SERVER_NAME, 'site.example');
  });
});
