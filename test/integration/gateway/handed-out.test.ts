import assert from 'node:assert/strict';
import { chmodSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { temporaryFolder } from '../../support/folder.ts';
import { phpMissing, phpPool } from '../../support/php-service.ts';
import { startPostern } from '../../support/postern-process.ts';
import { RawClient } from '../../support/raw-client.ts';

/** Writes files; "root" is the folder of the configuration. */
function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

/** A service as a user starts it. @param site lines of [site.main], then its routes */
async function served(t: TestContext, files: Readonly<Record<string, string>>, site: string, log = '') {
  const folder = temporaryFolder(t);
  write(folder, files);
  const config = `${log}[site.main]\nlisten = "127.0.0.1:0"\n${site}\n[pool.php]\n${phpPool}workers = 2\n`;
  write(folder, { 'postern.toml': config });
  const postern = startPostern(t, folder, ['run', '-c', join(folder, 'postern.toml')], folder);
  await postern.wrote(/"msg":"running"/);
  const url = /"url":"(http:[^"]+)"/.exec(postern.out())![1]!;
  const get = async (path: string, init: RequestInit = {}) => {
    const answer = await fetch(url + path.slice(1), { redirect: 'manual', ...init });
    return { status: answer.status, text: await answer.text(), type: answer.headers.get('content-type') ?? '', answer };
  };
  return { folder, get, port: Number(new URL(url).port), wrote: postern.wrote };
}

const source = '<?php echo "ran ", $_SERVER["SCRIPT_NAME"], " ", $_SERVER["PATH_INFO"] ?? "-";';
const phpRoute = '[[site.main.route]]\nmatch = "*.php"\npool = "php"\n';

describe('what a php pool runs, and what is handed out', { skip: phpMissing }, () => {
  it('below a prefix runs scripts alone; other files are files, and folders have their index', async (t) => {
    const files = {
      'blog/index.php': source,
      'blog/a.php': source,
      'blog/uploads/x.gif': source,
      'blog/style.css': 'a{}',
      'blog/page/index.html': 'page',
      'blog/lib.inc': source,
    };
    const { get } = await served(t, files, '[[site.main.route]]\nmatch = "/blog/*"\npool = "php"\n');
    assert.equal((await get('/blog/a.php/x')).text, 'ran /blog/a.php /x');
    const gif = await get('/blog/uploads/x.gif');
    assert.deepEqual([gif.status, gif.text, gif.type], [200, source, 'image/gif']);
    const css = await get('/blog/style.css');
    assert.deepEqual([css.text, css.type], ['a{}', 'text/css; charset=utf-8']);
    assert.equal((await get('/blog/')).text, 'ran /blog/index.php -');
    assert.equal((await get('/blog')).answer.headers.get('location'), '/blog/');
    assert.equal((await get('/blog/page/')).text, 'page');
    for (const path of ['/blog/lib.inc', '/blog/uploads/x.gif/y.php', '/blog/none']) {
      assert.equal((await get(path)).status, 404, path);
    }
  });

  it('is never the source of a script, whatever the routes leave uncovered', async (t) => {
    const names = ['a.php5', 'a.php7', 'a.phtml', 'a.phar', 'a.inc', 'a.\uff30\uff28\uff30', 'images/s.php', 'b.PHP'];
    const files = {
      'index.php': source,
      'images/x.png': 'png',
      ...Object.fromEntries(names.map((name) => [name, source])),
    };
    const routes =
      '[[site.main.route]]\nmatch = "/images/*"\nfiles = true\n' +
      '[[site.main.route]]\nmatch = "/api.php"\npool = "php"\n';
    const { get } = await served(t, files, routes);
    for (const path of ['/', '/index.php', ...names.map((name) => `/${encodeURI(name)}`)]) {
      const { status, text } = await get(path);
      assert.equal(status, 404, path);
      assert.doesNotMatch(text, /<\?php/, path);
    }
    assert.equal((await get('/images/x.png')).text, 'png');
  });

  it('is source where a route says so', async (t) => {
    const files = { 'src/a.php': source, 'a.php': source };
    const { get } = await served(
      t,
      files,
      `[[site.main.route]]\nmatch = "/src/*"\nfiles = true\nsource = true\n${phpRoute}`,
    );
    assert.equal((await get('/src/a.php')).text, source);
    assert.equal((await get('/a.php')).text, 'ran /a.php -');
  });

  it('is none of the names that are hidden, unless the site names them', async (t) => {
    const hidden = [
      ...[
        's.php.save',
        's.php.txt',
        '#s.php#',
        's.php.',
        's.php ',
        's.swo',
        's.dpkg-old',
        'composer.json',
        'composer.lock',
      ],
      ...['web.config', 'x.sql', 'x.log', 'x.ini', 'x.old', 'x.save', 'error_log', '.htaccess', 'deep/composer.lock'],
      ...['x.log.1', 'x.log.2.gz', 'x.log-20261128', 'x.sql.gz', 'x.SQL.zip'],
    ];
    const files = Object.fromEntries(
      [...hidden, 'package.json', 'in/any/secret.txt', 'uploads/x.html'].map((name) => [name, 'x']),
    );
    const site =
      'visibleNames = ["package.json"]\n[[site.main.route]]\nmatch = ["secret.txt", "/uploads/*.html"]\ndeny = true\n' +
      phpRoute;
    const { get } = await served(t, files, site);
    for (const name of [...hidden, 'in/any/secret.txt', 'uploads/x.html']) {
      assert.equal((await get(`/${name.split('/').map(encodeURIComponent).join('/')}`)).status, 404, name);
    }
    assert.equal((await get('/package.json')).status, 200);
  });

  it('is none of the files of the service: log and configuration, their copies, rotations and hard links', async (t) => {
    const names = [
      ...[
        'postern.log',
        'postern.log.1',
        'postern.log.2.gz',
        'postern-2026.log.gz',
        'postern.toml',
        'postern.toml.old',
      ],
      ...['postern.toml.save', 'postern.toml.new', 'postern.toml.1', 'prod.toml'],
    ];
    const files = Object.fromEntries(names.map((name) => [name, 'secret']));
    const log = '[log]\nfile = "postern.log"\n';
    const folder = temporaryFolder(t);
    write(folder, { ...files, 'page.html': 'page' });
    write(folder, { 'postern.toml': `${log}[site.main]\nlisten = "unix:site.sock"\nhiddenSuffixes = []\n` });
    const postern = startPostern(t, folder, ['run', '-c', join(folder, 'postern.toml')], folder);
    t.after(() => postern.child.kill());
    linkSync(join(folder, 'postern.toml'), join(folder, 'hard.txt'));
    const get = async (path: string): Promise<string> => {
      for (let tries = 0; ; tries += 1) {
        try {
          const client = await RawClient.connect(t, join(folder, 'site.sock'));
          client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
          return (await client.untilEnd()).split(' ')[1]!;
        } catch (error) {
          if (tries > 600) throw error;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }
    };
    assert.equal(await get('/page.html'), '200');
    for (const name of [...names, 'hard.txt']) assert.equal(await get(`/${name}`), '404', name);
  });
});

describe('addresses', { skip: phpMissing }, () => {
  it('may hold encoded slashes and backslashes behind a script, which gets them decoded', async (t) => {
    const { port, get } = await served(t, { 'p.php': source }, phpRoute);
    for (const [path, info] of [
      ['/p.php/a%2Fb', '/a/b'],
      ['/p.php/a%5Cb', '/a\\b'],
      ['/p.php/a\\b', '/a\\b'],
    ] as const) {
      const client = await RawClient.connect(t, port);
      client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      assert.match(await client.untilEnd(), new RegExp(`ran /p\\.php ${info.replaceAll('\\', '\\\\')}`), path);
    }
    for (const path of ['/p.php%2Fa', '/x%2F..%2Fp.php', '/%5Cp.php'])
      assert.equal((await get(path)).status, 404, path);
  });

  it('of a folder whose name ends in .php are those of a folder', async (t) => {
    const { get } = await served(t, { 'x.php/index.php': source, 'x.php/a.css': 'a{}' }, phpRoute);
    assert.equal((await get('/x.php')).answer.headers.get('location'), '/x.php/');
    assert.equal((await get('/x.php/')).text, 'ran /x.php/index.php -');
    assert.equal((await get('/x.php/a.css')).text, 'a{}');
  });

  it('have a front controller for a prefix, a folder of their own, and a limit for bodies', async (t) => {
    const files = {
      'app1/index.php': source,
      'index.php': source,
      '../elsewhere/index.php': source,
      '../elsewhere/a.css': 'a{}',
    };
    const folder = join(temporaryFolder(t), 'site');
    write(folder, files);
    const routes =
      '[[site.main.route]]\nmatch = "/app1/*"\npool = "php"\nfallback = "/app1/index.php"\nmaxBody = "1KB"\n' +
      `[[site.main.route]]\nmatch = "/other/*"\npool = "php"\nroot = "${join(folder, '../elsewhere')}"\n`;
    const { get } = await served(
      t,
      { 'app1/index.php': source, 'index.php': source },
      `fallback = "/index.php"\n${routes}${phpRoute}`,
    );
    assert.equal((await get('/app1/any/where')).text, 'ran /app1/index.php -');
    assert.equal((await get('/any/where')).text, 'ran /index.php -');
    assert.equal((await get('/other/')).text, 'ran /other/index.php -');
    assert.equal((await get('/other/index.php/x')).text, 'ran /other/index.php /x');
    assert.equal((await get('/other/a.css')).text, 'a{}');
    assert.equal((await get('/other')).answer.headers.get('location'), '/other/');
    const body = 'x'.repeat(2_000);
    assert.equal((await get('/app1/', { method: 'POST', body })).status, 413);
    assert.equal((await get('/', { method: 'POST', body })).status, 200);
  });
});

describe('what a program answers with', { skip: phpMissing }, () => {
  it('X-Sendfile or X-Accel-Redirect without a folder for it is 500 and a log line, not an empty 200', async (t) => {
    const files = {
      'x.php': '<?php header("X-Sendfile: /etc/passwd");',
      'y.php': '<?php header("X-Accel-Redirect: /protected/a");',
    };
    const { get, wrote } = await served(t, files, phpRoute);
    for (const path of ['/x.php', '/y.php']) {
      assert.equal((await get(path)).status, 500, path);
      await wrote(new RegExp(`"url":"${path}".*no folder for that: add a \\[\\[sendfile\\]\\]`));
    }
  });

  it('X-Accel-Redirect to a file that has gone, or became a link, is 404', async (t) => {
    const folder = temporaryFolder(t);
    write(folder, { 'a.txt': 'sent' });
    const files = { 'x.php': '<?php header("X-Accel-Redirect: /protected/a.txt");' };
    const site = `${phpRoute}[[site.main.sendfile]]\nfolder = "${folder}"\nprefix = "/protected/"\n`;
    const { get } = await served(t, files, site);
    assert.equal((await get('/x.php')).text, 'sent');
    rmSync(join(folder, 'a.txt'));
    assert.equal((await get('/x.php')).status, 404);
    symlinkSync('a.txt', join(folder, 'a.txt'));
    assert.equal((await get('/x.php')).status, 404);
  });

  it('Location alone: with a fragment it is for the client; above the root it is normalised as a client does', async (t) => {
    const redirect = (to: string): string => `#!/bin/sh\nprintf 'Location: ${to}\\n\\n'\n`;
    const folder = temporaryFolder(t);
    write(folder, { 'cgi/page.sh': redirect('/page#part'), 'cgi/up.sh': redirect('/../../ok.txt'), 'ok.txt': 'fine' });
    for (const name of ['page.sh', 'up.sh']) chmodSync(join(folder, 'cgi', name), 0o755);
    const site = `root = "${folder}"\n[[site.main.route]]\nmatch = "*.sh"\npool = "sh"\n[pool.sh]\ncgi = true\nallowRoot = true\n`;
    const { get } = await served(t, {}, site);
    const page = await get('/cgi/page.sh');
    assert.deepEqual([page.status, page.answer.headers.get('location')], [302, '/page#part']);
    assert.equal((await get('/cgi/up.sh')).text, 'fine');
  });
});
