// What scripts see of the pool that runs them, and which settings of PHP it runs with: every one that PHP-FPM serves with, too.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { findPhp } from '../../../src/php/find-php.ts';
import { phpProgram } from '../../../src/php/php-program.ts';
import { type Program, pidMark } from '../../../src/worker/program.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { PhpService, phpMissing, phpPool } from '../../support/php-service.ts';
import { tell } from '../../support/request-shapes.ts';
import { RunningPool } from '../../support/running-pool.ts';

const isRoot = process.getuid?.() === 0;

describe('what a script sees of its pool', { skip: phpMissing }, () => {
  it('is HOME and USER of its user, a fixed PATH, and no PHP_FCGI_*; nor do programs that it starts', {
    skip: isRoot ? false : 'only root can start workers as another user',
  }, async (t) => {
    const folder = temporaryFolder(t);
    chmodSync(folder, 0o755);
    const service = await PhpService.start(t, {
      folder,
      files: {
        'env.php':
          '<?php $seen = array_filter($_SERVER, fn ($n) => preg_match("/^(HOME|USER|PATH|APP|PHP_FCGI.*)$/", $n), ARRAY_FILTER_USE_KEY); ksort($seen);' +
          'echo json_encode([$seen, getenv("PHP_FCGI_CHILDREN"), getenv("HOME"), trim(shell_exec("env | grep -c PHP_FCGI"))], JSON_UNESCAPED_SLASHES);',
      },
      pool: 'php = "auto"\nuser = "www-data"\nworkers = 2\nenv = { APP = "x" }\n',
    });
    for (let turn = 0; turn < 3; turn += 1) {
      assert.deepEqual(JSON.parse(await service.text('env.php')), [
        {
          APP: 'x',
          HOME: '/var/www',
          PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
          USER: 'www-data',
        },
        false,
        '/var/www',
        '0',
      ]);
    }
  });

  it('is a umask of 022, whatever that of the one who started Postern', async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'public'));
    writeFileSync(join(folder, 'public/umask.sh'), '#!/bin/sh\nprintf "\\n"; umask\n', { mode: 0o755 });
    const service = await PhpService.start(t, {
      folder,
      files: { 'umask.php': '<?php printf("%04o", umask());' },
      more: '[[site.main.route]]\nmatch = "*.sh"\npool = "cgi"\n[pool.cgi]\ncgi = true\nallowRoot = true\n',
      wrapper: ['/bin/sh', '-c', 'umask 077; exec "$@"', 'sh'],
    });
    assert.equal(await service.text('umask.php'), '0022');
    assert.equal(await service.text('umask.sh'), '0022\n');
  });

  it('is PHP_SELF with its path, and REQUEST_URI as it was asked for', async (t) => {
    const source =
      '<?php echo json_encode(array_map(fn ($n) => $_SERVER[$n] ?? null, ["PHP_SELF", "SCRIPT_NAME", "PATH_INFO", "PATH_TRANSLATED", "ORIG_PATH_INFO"]), JSON_UNESCAPED_SLASHES);';
    const service = await PhpService.start(t, { files: { 'p.php': source } });
    assert.deepEqual(JSON.parse(await service.text('p.php/a/b')), ['/p.php/a/b', '/p.php', '/a/b', null, null]);
    assert.deepEqual(JSON.parse(await service.text('p.php/a%2Fb')), ['/p.php/a/b', '/p.php', '/a/b', null, null]);
    assert.deepEqual(JSON.parse(await service.text('p.php?x')), ['/p.php', '/p.php', null, null, null]);
  });
});

describe('an upload', { skip: phpMissing }, () => {
  for (const [how, more] of [
    ['routed by its suffix', ''],
    ['with a route for everything', '[[site.main.route]]\nmatch = "/*"\npool = "php"\n'],
    ['with cgi.fix_pathinfo = 0', 'FIX'],
  ] as const) {
    it(`is never run, however it is asked for, ${how}`, async (t) => {
      const pool = `${phpPool}workers = 2\n${more === 'FIX' ? 'ini = { "cgi.fix_pathinfo" = 0 }\n' : ''}`;
      const files = { 'index.php': '<?php echo "the site";' };
      const service = await PhpService.start(t, { files, pool, more: more === 'FIX' ? '' : more });
      const uploads = join(service.folder, 'public', 'upload');
      mkdirSync(uploads);
      for (const name of ['x.jpg', 'x.php.jpg', 'noend'])
        writeFileSync(join(uploads, name), '<?php echo "RUN" . "NING";');
      for (const path of [
        ...[
          '/upload/x.jpg',
          '/upload/x.jpg/y.php',
          '/upload/x.jpg/.php',
          '/upload/x.jpg%00.php',
          '/upload/x.jpg%2Fy.php',
        ],
        ...['/upload/x.php.jpg', '/upload/x.php.jpg/y.php', '/upload/noend/y.php', '/upload/noend/', '/upload/x.jpg/'],
        ...['/index.php/upload/x.jpg', '/index.php/../upload/x.jpg/y.php', '/index.php%2F..%2Fupload/x.jpg/y.php'],
        ...[
          '/upload\\x.jpg/y.php',
          '/upload%5Cx.jpg%5Cy.php',
          '/upload/x.jpg;.php',
          '/upload/x.jpg?/y.php',
          '/upload/x.jpg/y.php/z.php',
        ],
        ...['//upload//x.jpg//y.php', '/upload/./x.jpg/./y.php', '/upload/x.jpg/y.PHP', '/upload/x.jpg/index.php'],
      ]) {
        const { text, status } = await tell(service.port, {
          name: path,
          text: `GET ${path} HTTP/1.1\r\n@\r\nRedirect-Url: /upload/x.jpg\r\nPath-Translated: ${uploads}/x.jpg\r\n\r\n`,
        });
        assert.ok(!text.includes('RUNNING'), path);
        assert.ok(status === 404 || status === 400 || /the site|<\?php/.test(text), `${path}: ${status}`);
      }
    });
  }

  it('is not run in place of a script that is gone since it was looked up', async (t) => {
    const service = await PhpService.start(t, { files: { 'x.jpg': '<?php echo "RUN" . "NING";' } });
    const folder = join(service.folder, 'public', 'app');
    mkdirSync(folder);
    const script = join(folder, 'p.php');
    writeFileSync(script, '<?php echo "script"; unlink(__FILE__);');
    assert.equal(await service.text('app/p.php'), 'script');
    assert.match(await (await service.get('app/p.php')).text(), /No input file specified|404/);
  });
});

describe('a PHP pool whose probe cannot tell the pid', { skip: phpMissing }, () => {
  it('runs without knowing its processes, says so once, and ends the worker of a request that hangs', async (t) => {
    const php = await findPhp({ wanted: 'auto', path: '/usr/bin:/bin', home: null, folder: '/' });
    const options = { name: 'php', php, workers: 2, cwd: '/', env: {}, path: '/usr/bin:/bin', ini: {}, user: null };
    const made = phpProgram(options);
    t.after(() => made.close());
    const silent = (folder: string): Program => {
      const script = join(folder, 'silent.php');
      writeFileSync(script, `<?php echo "${pidMark}";`);
      const environment = { ...made.program.probe!.environment, SCRIPT_FILENAME: script, DOCUMENT_ROOT: folder };
      return { ...made.program, probe: { environment } };
    };
    const running = new RunningPool(t, silent, { workers: 2, requestTimeoutMs: 1_000 });
    await running.pool.start();
    const quick = running.script('a.php', '<?php usleep(50000); echo "page";');
    const answers = await Promise.all([running.run(quick), running.run(quick), running.run(quick)]);
    assert.deepEqual(
      answers.map(({ body }) => body),
      ['page', 'page', 'page'],
    );
    const told = running.log.records.filter(({ message }) => message.includes('cannot be told apart'));
    assert.equal(told.length, 1);
    const late = await running.run(running.script('b.php', '<?php sleep(20);'));
    assert.equal(late.error?.code, 'ANSWER_TIMEOUT');
    assert.equal((await running.run(quick)).body, 'page');
  });
});

describe('a PHP pool starts and knows its processes', { skip: phpMissing }, () => {
  const rows: readonly (readonly [string, Readonly<Record<string, string | number>>])[] = [
    [
      'with an auto_prepend_file that asks for a login, and no .user.ini',
      { 'user_ini.filename': '', auto_prepend_file: 'LOGIN' },
    ],
    ['with an auto_append_file that prints', { auto_append_file: 'LOGIN' }],
    ['with no default_mimetype, and nothing exposed', { default_mimetype: '', expose_php: 0 }],
    ['with function_exists() disabled', { disable_functions: 'function_exists' }],
    ['with getmypid() and posix_getpid() disabled', { disable_functions: 'getmypid,posix_getpid,putenv' }],
    ['with both disabled and open_basedir', { disable_functions: 'getmypid,posix_getpid', open_basedir: 'ROOT' }],
    ['with a doc_root', { doc_root: 'ROOT' }],
    ['with compressed output', { 'zlib.output_compression': 1, output_handler: '' }],
    ['with scripts that are written in another encoding', { 'zend.multibyte': 1, 'zend.script_encoding': 'UTF-16LE' }],
    ['with sessions that begin by themselves', { 'session.auto_start': 1, 'session.save_path': '/tmp' }],
  ];
  for (const [how, ini] of rows) {
    it(how, async (t) => {
      const folder = temporaryFolder(t);
      const root = join(folder, 'public');
      const login = join(root, 'login.inc');
      const settings = Object.entries(ini).map(([name, value]) => {
        const text = String(value).replace('LOGIN', login).replace('ROOT', root);
        return `"${name}" = ${typeof value === 'number' ? value : JSON.stringify(text)}`;
      });
      const service = await PhpService.start(t, {
        folder,
        files: {
          'p.php': Buffer.from('<?php echo "page";', ini['zend.multibyte'] === 1 ? 'utf16le' : 'latin1'),
          'login.inc': '<?php if (empty($_GET["in"])) { header("Status: 401"); echo "login"; exit; }',
        },
        pool: `${phpPool}workers = 2\nminWorkers = 1\nini = { ${settings.join(', ')} }\n`,
      });
      assert.equal(await service.text('p.php?in=1'), 'page');
      const known = (await service.pool()).lanes.filter(({ pid }) => pid > 0);
      assert.ok(known.length > 0);
      assert.deepEqual(service.troubles(), []);
    });
  }
});
