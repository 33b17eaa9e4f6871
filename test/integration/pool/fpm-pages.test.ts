// PHP-FPM's status and ping: ours beside those of a real PHP-FPM, which is asked through a connect pool.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createClient } from '../../../src/client/index.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { phpFpm, startFpm } from '../../support/php-fpm.ts';
import { PhpService, phpMissing, phpPool } from '../../support/php-service.ts';
import { freePort } from '../../support/server-process.ts';
import { until } from '../../support/until.ts';

const formats = ['', 'json', 'xml', 'html', 'openmetrics'];
const queries = [...formats, ...formats.map((format) => (format === '' ? 'full' : `${format}&full`))];

/** One that runs until its file is there, one that answers at once. */
const files = {
  'wait.php':
    '<?php while (!file_exists(__DIR__ . "/go-" . $_GET["id"])) { clearstatcache(); usleep(10000); } echo "went";',
  'post.php': '<?php echo strlen(file_get_contents("php://input"));',
};

interface Pair {
  readonly service: PhpService;
  /** Asks one of the two for a page or a script. */
  ask(side: 'ours' | 'theirs', path: string, init?: RequestInit): Promise<Response>;
  /** Lets requests that wait end. */
  release(id: string): void;
}

/** Our pool and a PHP-FPM with as many processes, each with a site on the same files. */
async function startPair(t: TestContext): Promise<Pair> {
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o755);
  const fpm = await startFpm(t, 'www-data', 'pm.status_path = /fpm/status\nping.path = /fpm/ping\n');
  const theirs = await freePort();
  const service = await PhpService.start(t, {
    folder,
    files,
    pool: `${phpPool}workers = 2\nstatusPath = "/fpm/status"\npingPath = "/fpm/ping"\n`,
    more:
      `[site.theirs]\nlisten = "127.0.0.1:${theirs}"\nroot = "public"\n[[site.theirs.route]]\nmatch = "*.php"\npool = "fpm"\n` +
      `[pool.fpm]\nconnect = "127.0.0.1:${fpm}"\nstatusPath = "/fpm/status"\npingPath = "/fpm/ping"\n`,
  });
  return {
    service,
    ask: (side, path, init) =>
      fetch(new URL(path, side === 'ours' ? service.url : `http://127.0.0.1:${theirs}/`), {
        signal: AbortSignal.timeout(60_000),
        ...init,
      }),
    release: (id) => writeFileSync(join(folder, 'public', `go-${id}`), ''),
  };
}

/** A page without what differs between two servers: numbers, times, names; what is left are its fields and their order. */
function shapeOf(page: string): string {
  return page
    .replace(/\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}/g, 'TIME')
    .replace(/\/(?:\\\/)?[\w\\/.-]*\/public\/|\\\/[\w\\/.-]*\\\/public\\\//g, 'ROOT/')
    .replace(/\b\d+\.\d\d\b/g, 'SHARE')
    .replace(/\b\d+\b/g, 'N')
    .replace(/\b(?:www|php)\b(?=["<\n]| using)/g, 'POOL');
}

/** The parts that are compared: what is said of the pool, of the process that runs the script, and how the page ends. */
function partsOf(page: string): string[] {
  const [head = '', ...processes] = page.split(/\n\*{24}\n|<process>|<tr>(?=<td>)|\{(?="pid")/);
  const end = /\},?|<\/process>\n|<\/tr>\n|\n$/;
  const one = processes.find((text) => text.includes('wait.php'))?.split(end)[0];
  const tail = processes.at(-1)?.split(end).slice(1).join('');
  return [head, one ?? '', tail ?? ''].map((part) => shapeOf(part).split('\n').filter(isLine).toSorted().join('\n'));
}

/** PHP 8.2 has the type of one metric before its help, later ones do not; lines are compared without their order. */
const isLine = (line: string): boolean => line !== '';

describe('statusPath and pingPath', {
  skip: phpMissing || (phpFpm === null ? 'PHP-FPM is not installed' : false),
}, () => {
  it("show what PHP-FPM's pages do, field by field, in each format, with full and without", async (t) => {
    const { service, ask, release } = await startPair(t);
    const waiting: Promise<Response>[] = [];
    t.after(() => void Promise.allSettled(waiting));
    for (const side of ['ours', 'theirs'] as const) {
      const id = `wait.php?id=${side}&x=<b>'`;
      waiting.push(
        ask(side, id, { method: 'POST', body: 'ab=cd', headers: { authorization: 'Basic am9lOnNlY3JldA==' } }),
      );
    }
    await service.busy(1);
    await until(
      async () => (await (await ask('theirs', '/fpm/status?full')).text()).includes('/wait.php'),
      'it runs there',
    );
    for (const query of queries) {
      const [ours, theirs] = await Promise.all(
        (['ours', 'theirs'] as const).map((side) => ask(side, `/fpm/status?${query}`)),
      );
      for (const name of ['content-type', 'cache-control', 'expires'])
        assert.equal(ours!.headers.get(name), theirs!.headers.get(name), `${name} of ?${query}`);
      const [own, other] = [await ours!.text(), await theirs!.text()];
      assert.deepEqual(partsOf(own.replaceAll('=ours', '=theirs')), partsOf(other), `?${query}`);
    }
    for (const side of ['ours', 'theirs'] as const) {
      const { processes, ...pool } = (await (await ask(side, '/fpm/status?json&full')).json()) as Status;
      const {
        'request uri': uri,
        script,
        user,
        ...running
      } = processes!.find((one) => String(one.script).endsWith('wait.php'))!;
      assert.match(String(uri), /^\/wait\.php\?id=\w+&x=/);
      assert.match(String(script), /\/public\/wait\.php$/);
      assert.equal(user, 'joe');
      const { state, requests, 'request method': method, 'content length': length } = running;
      // A look of ours at the server is one of PHP-FPM's.
      assert.ok(side === 'ours' ? requests === 1 : Number(requests) >= 1);
      assert.deepEqual({ state, method, length }, { state: 'Running', method: 'POST', length: 5 });
      assert.deepEqual([running['last request cpu'], running['last request memory']], [0, 0]);
      assert.ok(Number(running['request duration']) > 1_000, 'in microseconds');
      assert.ok(Math.abs(Number(pool['start time']) - Date.now() / 1000) < 600, 'in seconds');
      // PHP-FPM's own answer takes a process, ours does not.
      const own = side === 'theirs' ? 1 : 0;
      assert.deepEqual(
        [pool['total processes'], pool['idle processes'], pool['active processes'], pool['listen queue']],
        [2, 1 - own, 1 + own, 0],
      );
      assert.equal(pool['process manager'], 'static');
    }
    for (const side of ['ours', 'theirs']) release(side);
    assert.deepEqual(await Promise.all(waiting.map(async (one) => (await one).text())), ['went', 'went']);
    // PHP-FPM may answer this page itself with the process that ran the script, which is shown with the page then.
    const idle = await idleAfterwards(() => ask('ours', '/fpm/status?full&json'), 'wait.php');
    assert.equal(idle.state, 'Idle');
    assert.ok(Number(idle['last request memory']) > 100_000);
  });

  it('answer while every worker is busy and requests wait', async (t) => {
    const { service, ask, release } = await startPair(t);
    const running = ['a', 'a', 'a'].map((id) => ask('ours', `wait.php?id=${id}`));
    await until(async () => (await service.pool()).counters.waiting === 1, 'one waits');
    const status = (await (await ask('ours', '/fpm/status?json')).json()) as Status;
    assert.deepEqual([status['idle processes'], status['active processes'], status['listen queue']], [0, 2, 1]);
    assert.equal(status['max children reached'], 1);
    const ping = await ask('ours', '/fpm/ping');
    assert.deepEqual([ping.status, await ping.text()], [200, 'pong']);
    release('a');
    assert.deepEqual(await Promise.all(running.map(async (one) => (await one).status)), [200, 200, 200]);
  });

  it('ping says the same as PHP-FPM does, and 503 while the pool cannot serve', async (t) => {
    const { ask, service } = await startPair(t);
    for (const method of ['GET', 'HEAD']) {
      const [ours, theirs] = await Promise.all(
        (['ours', 'theirs'] as const).map((side) => ask(side, '/fpm/ping', { method })),
      );
      for (const name of ['content-type', 'cache-control', 'expires'])
        assert.equal(ours!.headers.get(name), theirs!.headers.get(name), name);
      assert.deepEqual([ours!.status, await ours!.text()], [theirs!.status, await theirs!.text()]);
    }
    assert.equal((await service.pool()).counters.accepted, 0, 'no worker was asked');
  });

  it('is 503 with the reason where no worker starts', async (t) => {
    const service = await PhpService.start(t, {
      files: {},
      pool: 'command = ["/bin/false"]\nallowRoot = true\npingPath = "/ping"\n',
    });
    await until(async () => (await service.get('ping')).status === 503, 'it cannot serve');
    assert.match(await (await service.get('ping')).text(), /pool php has no worker that is ready/);
  });

  it("answer PHP-FPM's exporters through a FastCGI listener: SCRIPT_NAME alone names the page", async (t) => {
    const port = await freePort();
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'public'));
    await PhpService.start(t, {
      folder,
      files,
      listen: `fastcgi://127.0.0.1:${port}`,
      pool: `${phpPool}workers = 1\nstatusPath = "/status"\npingPath = "/ping"\n`,
    });
    await using client = createClient({ address: { kind: 'tcp', host: '127.0.0.1', port } });
    // As the exporter in Go sends it: no REQUEST_URI, the path as the file.
    const params = {
      SCRIPT_FILENAME: '/status',
      SCRIPT_NAME: '/status',
      SERVER_SOFTWARE: 'go / php-fpm_exporter',
      REMOTE_ADDR: '127.0.0.1',
      QUERY_STRING: 'json&full',
    };
    const answer = await client.request({ url: '/status', params });
    assert.equal(answer.status, 200);
    const status = JSON.parse(answer.text()) as Status;
    assert.equal(status.pool, 'php');
    assert.equal(status.processes?.length, status['total processes']);
    const ping = await client.request({ url: '/ping', params: { SCRIPT_FILENAME: '/ping', SCRIPT_NAME: '/ping' } });
    assert.equal(ping.text(), 'pong');
  });

  it('are for this machine alone, unless statusClients says otherwise; ping is for everybody', async (t) => {
    const { ask } = await startPair(t);
    for (const side of ['ours', 'theirs'] as const) {
      const headers = { 'x-forwarded-for': '203.0.113.9' };
      assert.equal((await ask(side, '/fpm/status', { headers })).status, 403, 'it came through somebody’s proxy');
      assert.equal((await ask(side, '/fpm/ping', { headers })).status, 200);
    }
  });
});

type Status = Readonly<Record<string, unknown>> & { readonly processes?: readonly Readonly<Record<string, unknown>>[] };

/** The process that last ran a script, once it is idle and was looked at. */
async function idleAfterwards(
  ask: () => Promise<Response>,
  script: string,
): Promise<Readonly<Record<string, unknown>>> {
  let found: Readonly<Record<string, unknown>> | undefined;
  await until(async () => {
    const { processes } = (await (await ask()).json()) as Status;
    found = processes!.find((one) => String(one.script).endsWith(script));
    return found?.state === 'Idle' && Number(found['last request memory']) > 0;
  }, `the process that ran ${script} is idle`);
  return found!;
}
