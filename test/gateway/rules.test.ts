import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Site } from '../../src/gateway/site.ts';
import { ruleLine } from '../../src/rules/rule-words.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryFolder } from '../support/folder.ts';
import { ask, httpRequest, postRequest, RecordingAnswer } from '../support/recording-answer.ts';
import { rulesOf, type WrittenRule } from '../support/rules.ts';
import { makeSite, type TestSite, writeFiles } from '../support/site.ts';
import { until } from '../support/until.ts';

const files = {
  'index.php': 'source',
  'admin/index.php': 'source',
  'admin/a.html': 'page',
  'a.css': 'body{}',
  'dir/f.txt': 'f',
  'page.html': 'page',
  '404.html': 'not here',
};

function siteWith(t: TestContext, written: WrittenRule[], given: Partial<Site> = {}, clock?: FakeClock): TestSite {
  const site = makeSite(t, files, { rules: rulesOf(written), ...given }, clock);
  site.backend.script = ({ sink }) => {
    sink.head({ status: 200, reason: '', headers: ['Content-Type', 'text/plain'] });
    sink.write(Buffer.from('ran'));
    sink.end();
    return undefined;
  };
  return site;
}

const basic = (user: string, password: string): string[] => [
  ...['Host', 'example.org', 'Authorization', `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`],
];

describe('a rule', () => {
  it('redirects, with the method kept where the status says so', async (t) => {
    const { gateway } = siteWith(t, [
      { match: '/old/*', redirect: '/new/$1' },
      { match: '/moved', redirect: 'https://$host/x?', status: 308 },
    ]);
    const moved = await ask(gateway.handle, '/old/a%20b?c=d');
    assert.deepEqual([moved.status, moved.field('Location')], [301, '/new/a%20b?c=d']);
    const kept = await ask(gateway.handle, '/moved?c=d');
    assert.deepEqual([kept.status, kept.field('Location')], [308, 'https://example.org/x']);
  });

  it('rewrites inside: the script gets the query, and REQUEST_URI stays what was asked', async (t) => {
    const { gateway, backend } = siteWith(t, [{ regex: '^/p/(?P<id>\\d+)$', rewrite: '/index.php?p=$id&$query' }]);
    await ask(gateway.handle, '/p/12?x=y');
    const { environment } = backend.requests[0]!;
    assert.deepEqual(
      [environment.SCRIPT_NAME, environment.QUERY_STRING, environment.REQUEST_URI],
      ['/index.php', 'p=12&x=y', '/p/12?x=y'],
    );
  });

  it('tries what is there, in order, and ends in a fallback or a status', async (t) => {
    const { gateway, backend } = siteWith(t, [
      { match: '/dir/*', try: ['$path', '=404'] },
      { match: '/*', try: ['$path', '$path.html', '$path/', '/index.php?q=$path'] },
    ]);
    assert.equal((await ask(gateway.handle, '/page')).text, 'page');
    assert.equal((await ask(gateway.handle, '/a.css')).text, 'body{}');
    assert.equal((await ask(gateway.handle, '/dir/f.txt')).text, 'f');
    assert.equal((await ask(gateway.handle, '/dir/none')).status, 404);
    assert.equal((await ask(gateway.handle, '/.env')).status, 404, 'what is hidden is there for nobody');
    assert.equal((await ask(gateway.handle, '/admin')).field('Location'), '/admin/', 'a folder is a folder');
    assert.equal(backend.requests.length, 0);
    await ask(gateway.handle, '/some/page');
    assert.equal(backend.requests[0]!.environment.QUERY_STRING, 'q=/some/page');
  });

  it('answers with a status', async (t) => {
    const { gateway } = siteWith(t, [
      { match: '/gone', status: 410 },
      { match: '/admin/*', method: 'POST', status: 403 },
    ]);
    assert.equal((await ask(gateway.handle, '/gone')).status, 410);
    assert.equal((await ask(gateway.handle, postRequest('/admin/', 'x'))).status, 403);
    assert.equal((await ask(gateway.handle, '/admin/')).status, 200);
  });

  it('sees what an earlier one made of the path; the first that answers is the last', async (t) => {
    const { gateway } = siteWith(t, [
      { match: '/a', rewrite: '/b' },
      { match: '/a', status: 403 },
      { match: '/b', redirect: '/c?' },
      { match: '/*', status: 410 },
    ]);
    assert.equal((await ask(gateway.handle, '/a')).field('Location'), '/c');
    assert.equal((await ask(gateway.handle, '/x')).status, 410);
  });

  it('changes the header of programs, files and our own pages', async (t) => {
    const { gateway } = siteWith(t, [
      { match: '*.css', header: { 'Cache-Control': 'max-age=9' } },
      { match: '/*', header: { 'X-A': '1' }, removeHeader: 'content-type' },
    ]);
    const css = await ask(gateway.handle, '/a.css');
    assert.deepEqual(
      [css.field('Cache-Control'), css.field('X-A'), css.field('Content-Type')],
      ['max-age=9', '1', undefined],
    );
    assert.equal((await ask(gateway.handle, '/index.php')).field('X-A'), '1');
    const none = await ask(gateway.handle, '/none.css');
    assert.deepEqual([none.status, none.field('X-A'), none.field('Cache-Control')], [404, '1', 'no-store']);
  });

  it('counts for the script or the index that answers, too', async (t) => {
    const { gateway } = siteWith(
      t,
      [
        { match: '/index.php', header: { 'X-Script': '1' } },
        { match: '/admin/index.php', deny: 'all' },
        { match: '*.html', header: { 'X-Page': '1' } },
      ],
      { fallback: '/index.php', index: ['index.php', 'a.html'] },
    );
    assert.equal((await ask(gateway.handle, '/some/page')).field('X-Script'), '1', 'the fallback');
    assert.equal((await ask(gateway.handle, '/admin/')).status, 403, 'an index');
    assert.equal((await ask(gateway.handle, '/admin/index.php/x')).status, 403, 'with PATH_INFO');
    assert.equal((await ask(gateway.handle, '/admin/a.html')).field('X-Page'), '1');
  });

  it('lets in by address, that of a client behind a trusted proxy too', async (t) => {
    const { gateway } = siteWith(
      t,
      [{ match: '/admin/*', allow: ['10.0.0.0/8', '2001:db8::/32'], deny: '10.0.0.66' }],
      { trustedProxies: ['192.0.2.1'] },
    );
    const from = async (address: string): Promise<number> => {
      const headers = ['Host', 'example.org', 'X-Forwarded-For', address];
      return (await ask(gateway.handle, httpRequest('/admin/', { headers }))).status;
    };
    assert.equal(await from('10.1.2.3'), 200);
    assert.equal(await from('2001:db8::1'), 200);
    assert.equal(await from('10.0.0.66'), 403);
    assert.equal(await from('203.0.113.5'), 403);
    assert.equal((await ask(gateway.handle, '/admin/')).status, 403);
    assert.equal((await ask(gateway.handle, '/')).status, 200);
  });

  it('lists folders where it says so, and a fallback gets the rest', async (t) => {
    const { gateway } = siteWith(t, [{ match: '/dir/*', listing: true }], { fallback: '/index.php' });
    assert.match((await ask(gateway.handle, '/dir/')).text, /f\.txt/);
    assert.equal((await ask(gateway.handle, '/dir')).field('Location'), '/dir/');
    assert.equal((await ask(gateway.handle, '/dir/none')).text, 'ran');
    const { gateway: other } = siteWith(t, [{ match: '/elsewhere/*', listing: true }]);
    assert.equal((await ask(other.handle, '/dir/')).status, 404);
  });

  it('lists the names that are answered: folders that are listed, too, and none that another rule refuses', async (t) => {
    const file = join(temporaryFolder(t), 'htpasswd');
    writeFileSync(file, '');
    const { gateway, root } = siteWith(t, [
      { match: '/dir/*', listing: true },
      { match: '/dir/gone.txt', status: 410 },
      { match: '/dir/moved.txt', redirect: '/' },
      { match: '/dir/own/*', allow: '10.0.0.0/8' },
      { match: '/dir/denied.txt', deny: '0.0.0.0/0' },
      { match: '/dir/either.txt', allow: '10.0.0.0/8', satisfy: 'any', auth: { realm: 'r', file } },
      { match: '/dir/*', limit: { rate: '1/min', burst: 1 } },
    ]);
    for (const name of ['sub/a.txt', 'gone.txt', 'moved.txt', 'own/a.txt', 'denied.txt', 'either.txt'])
      writeFiles(root, { [`dir/${name}`]: 'x' });
    const { text } = await ask(gateway.handle, '/dir/');
    const links = [...text.matchAll(/href="\.\/([^"]*)"/g)].map(([, name]) => name);
    for (const name of ['f.txt', 'sub/', 'moved.txt', 'either.txt']) assert.ok(links.includes(name), name);
    for (const name of ['gone.txt', 'own/', 'own', 'denied.txt']) assert.ok(!links.includes(name), name);
    assert.equal((await ask(gateway.handle, '/dir/f.txt')).status, 200, 'no name of it was counted');
  });

  it('is told by explain', (t) => {
    const { gateway } = siteWith(t, [
      { match: '/admin/*', deny: '10.0.0.1', limit: { rate: '10/min', burst: 5 } },
      { match: '/admin/x', redirect: '/y' },
    ]);
    const { ruled } = gateway.explain(httpRequest('/admin/x'));
    assert.deepEqual(ruled?.taken.map(ruleLine), [
      'rule 1 /admin/*: not 10.0.0.1; 10 requests in 60 s a client, 5 more at once',
      'rule 2 /admin/x: redirect 301 to /y',
    ]);
  });

  it('holds no path against a regular expression that is longer than it may be', async (t) => {
    const { gateway } = siteWith(t, [{ regex: 'x', deny: 'all' }]);
    assert.equal((await ask(gateway.handle, `/${'a'.repeat(9_000)}x`)).status, 414);
  });
});

describe('a page for errors', () => {
  it('is a file, with the status of the error and nothing by which it could be taken for what was asked', async (t) => {
    const { gateway, access } = siteWith(t, [{ match: '/*', errorPages: { 404: '/404.html' } }]);
    const answer = await ask(gateway.handle, httpRequest('/none', { headers: ['Host', 'a', 'Range', 'bytes=0-1'] }));
    assert.deepEqual([answer.status, answer.text, answer.field('ETag')], [404, 'not here', undefined]);
    assert.deepEqual([access[0]!.status, access[0]!.error], [404, 'NOT_FOUND']);
  });

  it('is a script, which is told the status and what was asked for', async (t) => {
    const { gateway, backend } = siteWith(t, [
      { match: '/none/*', errorPages: { '4xx': '/index.php' } },
      { match: '/none/limited', deny: 'all' },
    ]);
    const answer = await ask(gateway.handle, postRequest('/none/x?y=z', 'body'));
    assert.deepEqual([answer.status, answer.text], [404, 'ran']);
    const { environment, method, body } = backend.requests[0]!;
    assert.deepEqual(
      [environment.REDIRECT_STATUS, environment.REDIRECT_URL, environment.REQUEST_URI, method, body],
      ['404', '/none/x?y=z', '/none/x?y=z', 'GET', null],
    );
    assert.equal((await ask(gateway.handle, '/none/limited')).status, 403);
  });

  it('that is not there gives way to our own', async (t) => {
    const { gateway } = siteWith(t, [{ match: '/*', errorPages: { 404: '/missing.html' } }]);
    const answer = await ask(gateway.handle, '/none');
    assert.equal(answer.status, 404);
    assert.match(answer.text, /nothing at this address/);
  });
});

describe('a password', () => {
  const made = {
    ann: '$2y$05$enBgm.p/6UXO47.O.2BtyuD4z6kbn3JWs5oRFJr7kEzGLfsjGUgvq',
    bob: '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=',
  };

  function withFile(t: TestContext, more: Partial<WrittenRule> = {}): TestSite & { readonly file: string } {
    const file = join(temporaryFolder(t), 'htpasswd');
    writeFileSync(
      file,
      Object.entries(made)
        .map(([user, hash]) => `${user}:${hash}\n`)
        .join(''),
    );
    const site = siteWith(t, [{ match: '/admin/*', auth: { realm: 'A "b"', file }, ...more } as WrittenRule]);
    return { ...site, file };
  }

  it('is asked for, and the user becomes REMOTE_USER', async (t) => {
    const { gateway, backend } = withFile(t);
    const none = await ask(gateway.handle, '/admin/');
    assert.equal(none.status, 401);
    assert.equal(none.field('WWW-Authenticate'), 'Basic realm="A \\"b\\"", charset="UTF-8"');
    for (const [user, password] of [
      ['ann', 'secret'],
      ['bob', 'password'],
    ] as const) {
      assert.equal((await ask(gateway.handle, httpRequest('/admin/', { headers: basic(user, password) }))).status, 200);
      const { environment } = backend.requests.at(-1)!;
      assert.deepEqual([environment.REMOTE_USER, environment.AUTH_TYPE], [user, 'Basic']);
    }
    for (const [user, password] of [
      ['ann', 'wrong'],
      ['bob', 'wrong'],
      ['eve', 'secret'],
      ['', ''],
    ] as const) {
      const answer = await ask(gateway.handle, httpRequest('/admin/', { headers: basic(user, password) }));
      assert.equal(answer.status, 401, user);
    }
    const twice = [...basic('ann', 'secret'), 'Authorization', 'Basic eDp5'];
    assert.equal((await ask(gateway.handle, httpRequest('/admin/', { headers: twice }))).status, 401);
    assert.equal((await ask(gateway.handle, '/')).status, 200);
  });

  it('is compared apart, once for all who ask the same at a time, and remembered', async (t) => {
    const { gateway } = withFile(t);
    const request = httpRequest('/admin/a.html', { headers: basic('ann', 'secret') });
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(gateway.handle, request)));
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
    const again = new RecordingAnswer();
    gateway.handle(request, again);
    assert.equal(again.status, 200, 'at once: nothing had to be worked out');
  });

  it('that comes too often to be compared is not waited for', async (t) => {
    const { gateway } = withFile(t);
    const answers = await Promise.all(
      Array.from({ length: 80 }, (_, i) =>
        ask(gateway.handle, httpRequest('/admin/', { headers: basic('ann', `guess ${i}`) })),
      ),
    );
    const statuses = Map.groupBy(answers, ({ status }) => status);
    assert.deepEqual([statuses.get(401)?.length, statuses.get(503)?.length], [64, 16]);
  });

  it('counts as the file has it now', async (t) => {
    const clock = new FakeClock();
    const file = join(temporaryFolder(t), 'htpasswd');
    writeFileSync(file, `bob:${made.bob}\n`);
    const { gateway } = siteWith(t, [{ match: '/admin/*', auth: { realm: 'A', file } }], {}, clock);
    const request = httpRequest('/admin/', { headers: basic('bob', 'password') });
    assert.equal((await ask(gateway.handle, request)).status, 200);
    writeFileSync(`${file}.new`, `carl:${made.bob}\n`);
    renameSync(`${file}.new`, file);
    clock.advance(1_000);
    assert.equal((await ask(gateway.handle, request)).status, 401);
    renameSync(file, `${file}.gone`);
    clock.advance(1_000);
    assert.equal((await ask(gateway.handle, request)).status, 500, 'nobody is let in where the file cannot be read');
  });

  it('is not needed from an allowed address where any will do', async (t) => {
    const { gateway } = withFile(t, { allow: '192.0.2.1', satisfy: 'any' });
    assert.equal((await ask(gateway.handle, '/admin/')).status, 200);
    const peer = { ...httpRequest('/').peer, remoteAddress: '203.0.113.9' };
    assert.equal((await ask(gateway.handle, httpRequest('/admin/', { peer }))).status, 401);
    const headers = basic('bob', 'password');
    assert.equal((await ask(gateway.handle, httpRequest('/admin/', { peer, headers }))).status, 200);
  });

  it('is asked for before a byte of the body is read', async (t) => {
    const { gateway } = withFile(t);
    const request = postRequest('/admin/', 'x'.repeat(1_000));
    assert.equal((await ask(gateway.handle, request)).status, 401);
    assert.equal(request.body!.readableDidRead, false);
  });
});

describe('a limit', () => {
  it('lets so many in, says when to come back, and counts each client for itself', async (t) => {
    const clock = new FakeClock();
    const { gateway } = siteWith(t, [{ match: '/admin/*', limit: { rate: '6/min', burst: 2 } }], {}, clock);
    const from = (remoteAddress: string) =>
      ask(gateway.handle, httpRequest('/admin/', { peer: { ...httpRequest('/').peer, remoteAddress } }));
    for (let i = 0; i < 3; i += 1) assert.equal((await from('192.0.2.1')).status, 200);
    const late = await from('192.0.2.1');
    assert.deepEqual([late.status, late.field('Retry-After')], [429, '10']);
    assert.equal((await from('192.0.2.2')).status, 200);
    clock.advance(10_000);
    assert.equal((await from('192.0.2.1')).status, 200);
    assert.equal((await from('192.0.2.1')).status, 429);
    for (let i = 0; i < 3; i += 1) assert.equal((await from(`2001:db8::${i}`)).status, 200);
    assert.equal((await from('2001:db8::ffff')).status, 429, 'a /64 is one client');
    assert.equal((await from('2001:db8:0:1::1')).status, 200);
  });

  it('lets so many run at a time, and counts those down that ended, whatever way', async (t) => {
    const { gateway, backend } = siteWith(t, [{ match: '/*', limit: { connections: 2 } }]);
    const ends: (() => void)[] = [];
    backend.script = ({ sink }) => {
      ends.push(() => {
        sink.head({ status: 200, reason: '', headers: [] });
        sink.end();
      });
      return undefined;
    };
    const first = new RecordingAnswer();
    gateway.handle(httpRequest('/index.php'), first);
    const second = new RecordingAnswer();
    gateway.handle(httpRequest('/index.php'), second);
    await until(() => ends.length === 2);
    assert.equal((await ask(gateway.handle, '/index.php')).status, 429);
    first.listener?.gone();
    ends[1]!();
    assert.equal((await second.done).status, 200);
    const third = [new RecordingAnswer(), new RecordingAnswer()];
    for (const one of third) gateway.handle(httpRequest('/index.php'), one);
    assert.equal((await ask(gateway.handle, '/index.php')).status, 429);
    await until(() => ends.length === 4);
    for (const end of ends.slice(2)) end();
    for (const one of third) assert.equal((await one.done).status, 200);
  });
});
