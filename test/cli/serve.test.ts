import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { findProgram, temporaryFolder } from '../support/folder.ts';
import { postern, startPostern } from '../support/postern-process.ts';

describe('postern serve', () => {
  it('says where the site is, serves it with PHP, tells each request, and stops on Ctrl-C', async (t) => {
    if (findProgram('php-cgi') === null) {
      t.skip('php-cgi is not installed');
      return;
    }
    const folder = temporaryFolder(t);
    const site = join(folder, 'site');
    mkdirSync(join(site, 'public'), { recursive: true });
    writeFileSync(join(site, 'artisan'), '');
    writeFileSync(join(site, 'public/index.php'), "<?php echo 'at ', $_SERVER['REQUEST_URI'];");
    const serving = startPostern(t, folder, ['serve', site]);
    const [, url] = await serving.wrote(/site +(http:\/\/127\.0\.0\.1:\d+\/)/);
    await serving.wrote(/stop +Ctrl-C/);
    assert.match(serving.out(), /folder +\S+\/site\/public {2}Laravel, its public\/ is served/);
    assert.match(serving.out(), /PHP +\d+\.\d+\.\d+, \/\S+ {2}\S/);
    assert.match(serving.out(), /admin +http:\/\/127\.0\.0\.1:\d+\/$/m);
    assert.equal(await (await fetch(`${url}no/such/file?a=b`)).text(), 'at /no/such/file?a=b');
    await serving.wrote(/\d\d:\d\d:\d\d {2}200 {2}GET \/no\/such\/file\?a=b {2}/);

    const port = new URL(url!).port;
    const second = await postern(t, folder, ['serve', site, '--port', port]);
    assert.equal(second.status, 1);
    assert.match(
      second.err,
      new RegExp(`^postern: 127\\.0\\.0\\.1:${port} is in use by the service with pid ${serving.pid}: `),
    );
    assert.equal((await fetch(url!)).status, 200, 'the first is unharmed');

    serving.child.kill('SIGINT');
    const { status, out, err } = await serving.ended();
    assert.equal(status, 0);
    assert.match(out, /stopping\nstopped\n$/);
    assert.doesNotMatch(out + err, /\x1b\[/, 'no colours where nobody looks');
  });

  it('gives way to the next port when none was named', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'index.html'), 'hello');
    const urls = await Promise.all(
      [1, 2].map(async () => (await startPostern(t, folder, ['serve', folder]).wrote(/site +(http:\S+)/))[1]!),
    );
    assert.notEqual(urls[0], urls[1]);
    for (const url of urls) assert.equal(await (await fetch(url)).text(), 'hello');
  });

  for (const [how, user] of [
    ['', []],
    [', by the launcher', ['--user', 'www-data']],
  ] as const) {
    it(`names --admin where the address of the admin pages is in use${how}`, {
      skip: user.length > 0 && process.getuid?.() !== 0 ? 'only root starts a launcher' : false,
    }, async (t) => {
      const folder = temporaryFolder(t);
      chmodSync(folder, 0o755);
      const taken = createServer().listen(0, '127.0.0.1');
      t.after(() => taken.close());
      await once(taken, 'listening');
      const { port } = taken.address() as AddressInfo;
      const { status, err } = await postern(t, folder, ['serve', folder, ...user, '--admin', `127.0.0.1:${port}`]);
      assert.deepEqual(
        [status, err],
        [1, `postern: 127.0.0.1:${port} is in use: choose another address with --admin\n`],
      );
    });
  }

  it('runs a saved script at once, with settings and a front controller from the command line, and tells whose lines PHP wrote', async (t) => {
    if (findProgram('php-cgi') === null) {
      t.skip('php-cgi is not installed');
      return;
    }
    const folder = temporaryFolder(t);
    const page = join(folder, 'app.php');
    writeFileSync(page, "<?php echo 'one ', ini_get('memory_limit'); error_log('a line of PHP');");
    const args = ['serve', folder, '--fallback', 'app.php', '--ini', 'memory_limit=77M', '--ini', 'error_log='];
    const serving = startPostern(t, folder, args);
    const [, url] = await serving.wrote(/site +(http:\S+)/);
    assert.equal(await (await fetch(`${url}no/such/path`)).text(), 'one 77M');
    await serving.wrote(/ GET \/no\/such\/path: .*a line of PHP/);
    for (const text of ['two', 'three']) {
      writeFileSync(page, `<?php echo '${text}';`);
      assert.equal(await (await fetch(`${url}app.php`)).text(), text);
    }
    const wrong = await postern(t, folder, ['serve', folder, '--ini', 'memory_limit']);
    assert.deepEqual(
      [wrong.status, wrong.err],
      [2, 'postern: --ini "memory_limit": a setting of PHP is "memory_limit=256M"\n'],
    );
  });

  it('starts an application anew when its files change, and goes on with the old one where the new one fails', async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'lib'));
    const app = join(folder, 'app.ts');
    const index = new URL('../../src/app/index.ts', import.meta.url).pathname;
    writeFileSync(
      app,
      `import { defineApp } from '${index}';\nimport { text } from './lib/text.ts';\nexport default defineApp({ fetch: () => new Response(text) });\n`,
    );
    writeFileSync(join(folder, 'lib/text.ts'), "export const text = 'one';\n");
    const serving = startPostern(t, folder, ['serve', app]);
    const [, url] = await serving.wrote(/site +(http:\S+)/);
    const body = async (): Promise<string> => (await fetch(url!)).text();
    assert.equal(await body(), 'one');
    writeFileSync(join(folder, 'lib/text.ts'), "export const text = 'two';\n");
    await serving.wrote(/text\.ts changed: the application was started anew/);
    assert.equal(await body(), 'two');
    writeFileSync(join(folder, 'lib/text.ts'), 'export const text = ;\n');
    await serving.wrote(/not reloaded, the service goes on as it was/);
    assert.equal(await body(), 'two');
  });

  it('closes what .htaccess files close, follows their front controllers and a plain one, and says what it does not follow', async (t) => {
    if (findProgram('php-cgi') === null) {
      t.skip('php-cgi is not installed');
      return;
    }
    const folder = temporaryFolder(t);
    const site = join(folder, 'site');
    const files = {
      'index.php': '<?php echo "top ", $_SERVER["REQUEST_URI"];',
      'logs/errors.txt': 'secret',
      'logs/.htaccess': 'Require all denied\n',
      'temp/.htaccess': 'Deny from all\n',
      'temp/deep/x.txt': 'secret',
      'app1/index.php': '<?php echo "app1 ", $_SERVER["REQUEST_URI"];',
      'app1/.htaccess': 'RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^ index.php [L]\n',
      'open/a.txt': 'open',
      'open/.htaccess': 'Header set X-A b\n',
    };
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(site, name)), { recursive: true });
      writeFileSync(join(site, name), text);
    }
    const serving = startPostern(t, folder, ['serve', site]);
    const [, url] = await serving.wrote(/site +(http:\/\/127\.0\.0\.1:\d+\/)/);
    await serving.wrote(/note +what \.htaccess asks for and Postern does not do: open\/\.htaccess:1: Header set X-A b/);
    const get = async (path: string): Promise<[number, string]> => {
      const answer = await fetch(url + path);
      return [answer.status, await answer.text()];
    };
    assert.deepEqual(await get('open/a.txt'), [200, 'open']);
    for (const path of ['logs/errors.txt', 'temp/deep/x.txt', 'temp/none'])
      assert.equal((await get(path))[0], 404, path);
    assert.deepEqual(await get('app1/some/where'), [200, 'app1 /app1/some/where']);
    assert.deepEqual(await get('some/where'), [200, 'top /some/where']);
  });

  it('shows on this machine what PHP wrote, where a script answers an empty 500', async (t) => {
    if (findProgram('php-cgi') === null) {
      t.skip('php-cgi is not installed');
      return;
    }
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'broken.php'), '<?php no_such_function("<b>");');
    writeFileSync(join(folder, 'own.php'), '<?php http_response_code(500); echo "its own page";');
    const ini = ['display_errors=0', 'log_errors=1', 'error_log=', 'html_errors=0'].flatMap((one) => ['--ini', one]);
    const serving = startPostern(t, folder, ['serve', folder, ...ini]);
    const [, url] = await serving.wrote(/site +(http:\S+)/);
    const answer = await fetch(`${url}broken.php`, { headers: { accept: 'text/html' } });
    assert.equal(answer.status, 500);
    const page = await answer.text();
    assert.match(page, /<pre>.*Uncaught Error: Call to undefined function no_such_function\(\)/);
    assert.match(page, /only on this machine/);
    assert.doesNotMatch(page, /<b>/);
    assert.equal(await (await fetch(`${url}own.php`)).text(), 'its own page');
    writeFileSync(
      join(folder, 'postern.toml'),
      '[site.main]\nlisten = "127.0.0.1:0"\nroot = "."\n[[site.main.route]]\nmatch = "*.php"\npool = "php"\n[pool.php]\nphp = "auto"\nallowRoot = true\nini = { display_errors = 0, log_errors = 1, error_log = "" }\n',
    );
    const configured = startPostern(t, folder, ['serve', '-c', join(folder, 'postern.toml')]);
    const [, other] = await configured.wrote(/site +(http:\S+)/);
    const plain = await fetch(`${other}broken.php`);
    assert.deepEqual([plain.status, await plain.text()], [500, '']);
  });

  it('lists a folder that has no index, without what is hidden', async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'a b/<i>'), { recursive: true });
    for (const name of ['one.txt', '.env', 'composer.json', 'x.bak', 'page.php', '50%.txt'])
      writeFileSync(join(folder, 'a b', name), 'x');
    const serving = startPostern(t, folder, ['serve', folder, '--php', 'auto']);
    const [, url] = await serving.wrote(/site +(http:\S+)/);
    const top = await (await fetch(url!)).text();
    assert.match(top, /<a href="\.\/a%20b\/">a b\/<\/a>/);
    const redirect = await fetch(`${url}a%20b?x=1`, { redirect: 'manual' });
    assert.deepEqual([redirect.status, redirect.headers.get('location')], [301, '/a%20b/?x=1']);
    const page = await (await fetch(`${url}a%20b/`)).text();
    const links = [...page.matchAll(/href="([^"]+)"/g)].map(([, link]) => link);
    assert.deepEqual(links, ['./../', './50%25.txt', './%3Ci%3E/', './one.txt', './page.php']);
    assert.equal((await fetch(`${url}a%20b/50%25.txt`)).status, 200);
    assert.equal((await fetch(`${url}a%20b/`, { method: 'POST' })).status, 405);
    assert.equal((await fetch(`${url}none/`)).status, 404);
  });
});
