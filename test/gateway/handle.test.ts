import assert from 'node:assert/strict';
import { realpathSync } from 'node:fs';
import { describe, it } from 'node:test';
import { PosternError } from '../../src/errors.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { ask, httpRequest, postRequest, RecordingAnswer } from '../support/recording-answer.ts';
import { makeSite, route } from '../support/site.ts';

const host = ['Host', 'example.org'];

describe('a request to a program', () => {
  it('runs the script, and passes on its answer', async (t) => {
    const { root, backend, gateway } = makeSite(t);
    backend.script = ({ sink }) => {
      sink.head({
        status: 201,
        reason: '',
        headers: ['Content-Type', 'a/b', 'Set-Cookie', 'x=1', 'Set-Cookie', 'y=2'],
      });
      sink.write(Buffer.from('created'));
      sink.end();
      return undefined;
    };
    const answer = await ask(gateway.handle, '/index.php/info?a=b');
    assert.equal(answer.status, 201);
    assert.deepEqual(answer.headers, ['Content-Type', 'a/b', 'Set-Cookie', 'x=1', 'Set-Cookie', 'y=2']);
    assert.equal(answer.text, 'created');
    const { environment, url, method, idempotent } = backend.requests[0]!;
    assert.equal(environment.SCRIPT_FILENAME, `${realpathSync(root)}/index.php`);
    assert.equal(environment.PATH_INFO, '/info');
    assert.equal(environment.SERVER_NAME, 'example.org');
    assert.equal(environment.REMOTE_ADDR, '192.0.2.1');
    assert.deepEqual({ url, method, idempotent }, { url: '/index.php/info?a=b', method: 'GET', idempotent: true });
    assert.equal(gateway.active, 0);
  });

  it('gives the query string to QUERY_STRING alone (rule 8: it never becomes arguments)', async (t) => {
    const { backend, gateway } = makeSite(t);
    await ask(gateway.handle, '/index.php?-s+-d+allow_url_include=1');
    const { environment } = backend.requests[0]!;
    assert.equal(environment.QUERY_STRING, '-s+-d+allow_url_include=1');
    assert.deepEqual(
      Object.keys(environment)
        .filter((name) => environment[name]!.includes('-s+-d'))
        .sort(),
      ['QUERY_STRING', 'REQUEST_URI'],
    );
  });

  it('names it to logs and the scoreboard with its credentials blanked', async (t) => {
    const { backend, gateway } = makeSite(t);
    await ask(gateway.handle, '/index.php?token=secret&a=%9b\x9b');
    const { environment, url } = backend.requests[0]!;
    assert.equal(url, '/index.php?token=***&a=%9b\ufffd');
    assert.equal(environment.QUERY_STRING, 'token=secret&a=%9b\x9b');
  });

  it('gives it what the site and the route configure', async (t) => {
    const { backend } = makeSite(t);
    const routes = [route('*.php', 'script', backend, { env: { B: 'route', C: 'caf\u00e9' } })];
    const { gateway } = makeSite(t, undefined, { routes, env: { A: 'site', B: 'site' } });
    await ask(gateway.handle, '/index.php');
    const { environment } = backend.requests[0]!;
    assert.deepEqual([environment.A, environment.B, environment.C], ['site', 'route', 'caf\xc3\xa9']);
  });

  it('sends 103 ahead of 200', async (t) => {
    const { backend, gateway } = makeSite(t);
    backend.script = ({ sink }) => {
      sink.head({ status: 103, reason: '', headers: ['Link', '</a.css>; rel=preload'] });
      sink.head({ status: 200, reason: '', headers: [] });
      sink.end();
      return undefined;
    };
    const answer = await ask(gateway.handle, '/');
    assert.deepEqual(answer.interim, [{ status: 103, headers: ['Link', '</a.css>; rel=preload'] }]);
    assert.equal(answer.status, 200);
  });

  it('stops it when the client goes away (rule 20)', async (t) => {
    const { backend, gateway, access } = makeSite(t);
    const started = new Promise<void>((resolve) => {
      backend.script = async (run) => {
        resolve();
        await run.resumed();
        return undefined;
      };
    });
    const answer = new RecordingAnswer();
    gateway.handle(httpRequest('/'), answer);
    await started;
    answer.listener?.gone();
    assert.equal(backend.aborted, 1);
    assert.equal(gateway.active, 0);
    assert.deepEqual([access[0]?.outcome, access[0]?.status], ['gone', 499]);
  });

  it('holds it when the client does not read, but lets it finish what fits', async (t) => {
    const { backend, gateway } = makeSite(t, undefined, { answerBufferBytes: 10 });
    const told: boolean[] = [];
    backend.script = async (run) => {
      run.sink.head({ status: 200, reason: '', headers: [] });
      told.push(run.sink.write(Buffer.from('123456')));
      told.push(run.sink.write(Buffer.from('789012')));
      await run.resumed();
      told.push(run.sink.write(Buffer.from('3')));
      run.sink.end();
      return undefined;
    };
    const answer = new RecordingAnswer();
    answer.takesMore = false;
    gateway.handle(httpRequest('/'), answer);
    while (told.length < 2) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(told, [true, false]);
    answer.listener?.drained();
    await answer.done;
    assert.deepEqual(told, [true, false, true]);
    assert.equal(answer.text, '1234567890123');
  });

  it('stops it when the client reads nothing for writeTimeoutMs (rule 23)', async (t) => {
    const clock = new FakeClock();
    const { backend, gateway, access } = makeSite(t, undefined, { writeTimeoutMs: 5000 }, clock);
    backend.script = async (run) => {
      run.sink.head({ status: 200, reason: '', headers: [] });
      run.sink.write(Buffer.from('x'));
      await run.resumed();
      return undefined;
    };
    const answer = new RecordingAnswer();
    answer.takesMore = false;
    gateway.handle(httpRequest('/'), answer);
    while (answer.writes < 1) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(4999);
    assert.equal(backend.aborted, 0);
    clock.advance(1);
    assert.equal(answer.error?.code, 'ABORTED');
    assert.equal(backend.aborted, 1);
    assert.equal(access[0]?.outcome, 'aborted');
  });

  it('lasts no longer than its answer, when it refuses before run() returns', async (t) => {
    const refusing = {
      name: 'full',
      run(_request: unknown, sink: { fail(error: PosternError): void }) {
        sink.fail(new PosternError('QUEUE_FULL', 'raise queue', { fields: { retryAfterS: 2.1 } }));
        return { resume() {}, abort: () => assert.fail('abort after the end') };
      },
    };
    const { gateway, log } = makeSite(t, undefined, { routes: [route('*.php', 'script', refusing)] });
    const answer = await ask(gateway.handle, postRequest('/index.php', 'body'));
    assert.equal(answer.status, 503);
    assert.equal(answer.field('Retry-After'), '3');
    answer.listener?.gone();
    assert.equal(log.records.at(-1)?.message, 'raise queue');
  });
});

describe('a request that is refused', () => {
  const refused: readonly [why: string, status: number, request: Parameters<typeof httpRequest>][] = [
    ['rule 12: two Host headers', 400, ['/', { headers: ['Host', 'a', 'host', 'a'] }]],
    ['rule 12: an invalid Host', 400, ['/', { headers: ['Host', 'a/b'] }]],
    ['HTTP/1.1 without Host', 400, ['/', { headers: [] }]],
    ['rule 14: more than 200 fields', 431, ['/', { headers: [...host, ...Array(400).fill('A')] }]],
    ['rule 14: headers above 64 KiB', 431, ['/', { headers: [...host, 'A', 'x'.repeat(65_536)] }]],
    ['a target that is too long', 414, [`/${'a'.repeat(40_000)}`]],
    ['rule 1: %00', 400, ['/a%00.php']],
    ['TRACE', 405, ['/', { method: 'TRACE' }]],
    ['CONNECT', 501, ['example.org:443', { method: 'CONNECT' }]],
    ['"*" but for OPTIONS', 400, ['*']],
    ['a POST to a file', 405, ['/style.css', { method: 'POST' }]],
  ];
  for (const [why, status, request] of refused) {
    it(`is answered ${status}: ${why}`, async (t) => {
      const { backend, gateway } = makeSite(t, { 'index.php': '', 'style.css': '' });
      assert.equal((await ask(gateway.handle, httpRequest(...request))).status, status);
      assert.equal(backend.requests.length, 0);
    });
  }

  it('needs no Host on HTTP/1.0', async (t) => {
    const { backend, gateway } = makeSite(t);
    assert.equal((await ask(gateway.handle, httpRequest('/', { headers: [], version: '1.0' }))).status, 200);
    assert.equal(backend.requests[0]?.environment.SERVER_NAME, '127.0.0.1');
  });

  it('is not one: OPTIONS *', async (t) => {
    const { gateway } = makeSite(t);
    assert.equal((await ask(gateway.handle, httpRequest('*', { method: 'OPTIONS' }))).status, 204);
  });
});

describe('a folder without its slash', () => {
  it('is redirected with 301, or 308 where there is a body to keep', async (t) => {
    const { gateway } = makeSite(t, { 'blog/index.php': '' });
    const get = await ask(gateway.handle, '/blog?a');
    assert.deepEqual([get.status, get.field('Location')], [301, '/blog/?a']);
    const post = await ask(gateway.handle, postRequest('/blog', 'x'));
    assert.deepEqual([post.status, post.field('Location')], [308, '/blog/']);
  });
});

describe('a trusted proxy', () => {
  const headers = [...host, 'X-Forwarded-For', '6.6.6.6, 203.0.113.7', 'X-Forwarded-Proto', 'https'];

  it('is believed about its client', async (t) => {
    const { backend, gateway, access } = makeSite(t, undefined, { trustedProxies: ['192.0.2.0/24'] });
    await ask(gateway.handle, httpRequest('/', { headers }));
    const { environment } = backend.requests[0]!;
    assert.deepEqual(
      ['REMOTE_ADDR', 'REMOTE_PORT', 'HTTPS', 'REQUEST_SCHEME', 'SERVER_PORT'].map((name) => environment[name]),
      ['203.0.113.7', '0', 'on', 'https', '443'],
    );
    assert.equal(access[0]?.remoteAddress, '203.0.113.7');
  });

  it('is no network without its size', (t) => {
    for (const entry of ['10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/33', '', 'proxy']) {
      assert.throws(() => makeSite(t, undefined, { trustedProxies: [entry] }), { code: 'CONFIG_INVALID' }, entry);
    }
  });

  it('is the only one who is', async (t) => {
    const { backend, gateway } = makeSite(t, undefined, { trustedProxies: ['10.0.0.0/8', 'unix'] });
    await ask(gateway.handle, httpRequest('/', { headers }));
    const { environment } = backend.requests[0]!;
    assert.deepEqual([environment.REMOTE_ADDR, environment.HTTPS], ['192.0.2.1', undefined]);
  });
});

describe('HTTP_HOST, SERVER_NAME and SERVER_PORT (rule 12: they agree, behind a trusted proxy too)', () => {
  const rows: readonly [headers: readonly string[], host: string, name: string, port: string][] = [
    [['Host', 'a.example', 'X-Forwarded-Host', 'b.example'], 'b.example', 'b.example', '80'],
    [
      ['Host', 'a.example', 'X-Forwarded-Host', 'b.example:8443', 'X-Forwarded-Proto', 'https'],
      'b.example:8443',
      'b.example',
      '8443',
    ],
    [['Host', 'a.example:8080', 'X-Forwarded-Proto', 'https'], 'a.example:8080', 'a.example', '8080'],
    [['Host', 'a.example', 'X-Forwarded-Proto', 'https'], 'a.example', 'a.example', '443'],
    [
      ['Host', 'a.example', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Port', '444'],
      'a.example:444',
      'a.example',
      '444',
    ],
    [['Host', 'a.example:8000', 'X-Forwarded-Port', '80'], 'a.example', 'a.example', '80'],
    [['Host', 'a.example', 'X-Forwarded-For', '203.0.113.7'], 'a.example', 'a.example', '80'],
    [['Host', '[::1]:8000', 'X-Forwarded-Proto', 'http'], '[::1]:8000', '[::1]', '8000'],
  ];
  for (const [headers, host, name, port] of rows) {
    it(`are ${host}, ${name} and ${port}: ${headers.join(' ')}`, async (t) => {
      const { backend, gateway } = makeSite(t, undefined, { trustedProxies: ['192.0.2.0/24'] });
      await ask(gateway.handle, httpRequest('/', { headers }));
      const { HTTP_HOST, SERVER_NAME, SERVER_PORT } = backend.requests[0]!.environment;
      assert.deepEqual([HTTP_HOST, SERVER_NAME, SERVER_PORT], [host, name, port]);
    });
  }

  it('are as they came where a proxy asks for itself', async (t) => {
    const { backend, gateway } = makeSite(t, undefined, { trustedProxies: ['192.0.2.0/24'] });
    await ask(gateway.handle, httpRequest('/', { headers: ['Host', 'a.example'] }));
    const { HTTP_HOST, SERVER_NAME, SERVER_PORT } = backend.requests[0]!.environment;
    assert.deepEqual([HTTP_HOST, SERVER_NAME, SERVER_PORT], ['a.example', 'a.example', '8000']);
  });
});

describe('a local redirect', () => {
  const location = (target: string) => ({ status: 200, reason: '', headers: ['Location', target] });

  it('runs the whole route again as a new GET, carrying nothing over (rule 6)', async (t) => {
    const { backend, gateway } = makeSite(t, { 'index.php': '', 'next.php': '' });
    backend.script = ({ request, sink }) => {
      if (request.environment.SCRIPT_NAME === '/next.php') return 'there';
      sink.head(location('/next.php/x?y=z'));
      sink.write(Buffer.from('not wanted'));
      sink.end();
      return undefined;
    };
    const headers = [...host, 'Content-Type', 'a/b', 'Content-Length', '4', 'If-None-Match', '"x"', 'Cookie', 'a=b'];
    // Of fields that came before, what was made of them is known, too.
    const made = { bytes: 100, contentType: 'a/b', pairs: null, shown: null };
    const answer = await ask(gateway.handle, postRequest('/index.php?secret=1', 'body', { headers, made }));
    assert.equal(answer.text, 'there');
    const { environment, body, method, url } = backend.requests[1]!;
    assert.deepEqual({ body, method, url }, { body: null, method: 'GET', url: '/next.php/x?y=z' });
    assert.equal(environment.QUERY_STRING, 'y=z');
    assert.equal(environment.HTTP_COOKIE, 'a=b', 'it is still the same client');
    for (const name of ['CONTENT_TYPE', 'CONTENT_LENGTH', 'HTTP_IF_NONE_MATCH'])
      assert.ok(!(name in environment), name);
  });

  it('has a line of the log for what each of the two programs wrote on STDERR last, and none for both', async (t) => {
    const { backend, gateway, log } = makeSite(t, { 'index.php': '', 'next.php': '' });
    backend.script = ({ request, sink }) => {
      const isFirst = request.environment.SCRIPT_NAME !== '/next.php';
      sink.stderr(Buffer.from(isFirst ? 'one' : 'two'));
      if (!isFirst) return 'there';
      sink.head(location('/next.php'));
      sink.end();
      return undefined;
    };
    assert.equal((await ask(gateway.handle, httpRequest('/'))).text, 'there');
    assert.deepEqual(
      log.records.map(({ message }) => message),
      ['one', 'two'],
    );
  });

  it('is held to the rules of a path (rule 6: the whole route)', async (t) => {
    const { backend, gateway } = makeSite(t, { 'index.php': '', '.env': 'secret', 'style.css': 'css' });
    const statuses: Record<string, number> = {
      '/.env': 404,
      '/../x': 404,
      '/../../style.css': 200,
      '/%00': 502,
      '/a b': 502,
      '/style.css': 200,
      '/none': 404,
    };
    for (const [target, status] of Object.entries(statuses)) {
      backend.script = ({ sink }) => {
        sink.head(location(target));
        sink.end();
        return undefined;
      };
      assert.equal((await ask(gateway.handle, '/index.php')).status, status, target);
    }
  });

  it('goes ten times at most (rule 6)', async (t) => {
    const { backend, gateway } = makeSite(t);
    backend.script = ({ sink }) => {
      sink.head(location('/index.php'));
      sink.end();
      return undefined;
    };
    const answer = await ask(gateway.handle, '/');
    assert.equal(answer.status, 502);
    assert.equal(backend.requests.length, 11);
  });

  it('is none when Location leads elsewhere, or is not alone', async (t) => {
    const { backend, gateway } = makeSite(t);
    for (const head of [
      { status: 302, reason: '', headers: ['Location', '/next'] },
      { status: 302, reason: '', headers: ['Location', 'https://example.org/'] },
      { status: 200, reason: '', headers: ['Location', '/next', 'Content-Type', 'a/b'] },
      { status: 302, reason: '', headers: ['Location', '//evil.example/'] },
    ]) {
      backend.script = ({ sink }) => {
        sink.head(head);
        sink.end();
        return undefined;
      };
      const answer = await ask(gateway.handle, '/');
      assert.deepEqual([answer.status, answer.headers], [head.status, head.headers]);
    }
  });
});

describe('a client that asks again on its connection', () => {
  it('is who it was, but for what it says anew: another Host, two, none', async (t) => {
    const { gateway, backend } = makeSite(t);
    const peer = { ...httpRequest('/index.php').peer, memo: null };
    const say = async (headers: readonly string[], version = '1.1'): Promise<number> =>
      (await ask((request, answer) => gateway.handle({ ...request, headers, version, peer }, answer), '/index.php'))
        .status;
    for (const host of ['one.example', 'one.example', 'two.example:81', 'one.example']) {
      assert.equal(await say(['Host', host]), 200);
      const { SERVER_NAME, HTTP_HOST } = backend.requests.at(-1)!.environment;
      assert.deepEqual([SERVER_NAME, HTTP_HOST], [host.replace(':81', ''), host]);
    }
    assert.equal(await say(['Host', 'one.example', 'host', 'one.example']), 400);
    assert.equal(await say(['Host', 'not valid']), 400);
    assert.equal(await say([]), 400);
    assert.equal(await say([], '1.0'), 200);
    assert.equal(backend.requests.at(-1)!.environment.HTTP_HOST, undefined);
    assert.equal(await say([]), 400);
  });
});
