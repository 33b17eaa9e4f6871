import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { findPhp, type Php } from '../../src/php/find-php.ts';
import { SharedProbe } from '../../src/php/php-probe.ts';
import { type PhpProgramOptions, phpProgram } from '../../src/php/php-program.ts';
import { parsePhpVersion } from '../../src/php/php-version.ts';
import { findProgram, temporaryFolder } from '../support/folder.ts';

const php: Php = {
  kind: 'cgi',
  path: '/usr/bin/php-cgi',
  version: parsePhpVersion('8.2.36')!,
  reason: '',
  warnings: [],
};

describe('phpProgram()', () => {
  it('makes one php-cgi with a child for each lane, which counts no requests and splits no paths', (t) => {
    const { program, label } = made(t, {
      ini: { memory_limit: '64M', 'cgi.discard_path': 0 },
      env: { APP: 'x', PATH: '/evil' },
    });
    assert.deepEqual(program.command.slice(0, -1), [
      '/usr/bin/php-cgi',
      '-d',
      "cgi.fix_pathinfo='1'",
      '-d',
      "memory_limit='64M'",
      '-d',
      "cgi.discard_path='0'",
      '-d',
    ]);
    assert.match(program.command.at(-1)!, /^cgi\.discard_path='1'\n\[PATH=/);
    const { APP, ...rest } = program.env;
    assert.deepEqual(rest, { PATH: '/usr/bin:/bin', PHP_FCGI_CHILDREN: '4', PHP_FCGI_MAX_REQUESTS: '0' });
    assert.equal(APP, 'x');
    assert.deepEqual([program.lanesPerWorker, program.preforks, program.reuse], [4, true, 'always']);
    assert.equal(label, 'php-cgi 8.2.36 (/usr/bin/php-cgi)');
  });

  it('lets a site have the settings of paths that it is used to', (t) => {
    const { command } = made(t, { ini: { 'cgi.fix_pathinfo': 0 } }).program;
    assert.deepEqual(command.slice(1, 3), ['-d', "cgi.fix_pathinfo='0'"]);
  });

  it('lets no connection serve another request after one with a body where the version is unsafe', (t) => {
    assert.equal(made(t, { php: { ...php, version: parsePhpVersion('8.2.35')! } }).program.reuse, 'bodiless');
  });

  for (const fixed of [1, 0]) {
    it(`runs the script that was decided on, never the file that the path behind it would be, with fix_pathinfo=${fixed}`, (t) => {
      const phpCgi = findProgram('php-cgi');
      if (phpCgi === null) return t.skip('php-cgi is not installed');
      const folder = temporaryFolder(t);
      writeFileSync(join(folder, 'index.php'), '<?php echo "index ", $_SERVER["PATH_INFO"], $_SERVER["PHP_SELF"];');
      writeFileSync(join(folder, 'x.jpg'), '<?php echo "upload";');
      const { program } = made(t, { php: { ...php, path: phpCgi }, ini: { 'cgi.fix_pathinfo': fixed } });
      const environment = {
        ...program.probe!.environment,
        SCRIPT_FILENAME: join(folder, 'index.php'),
        SCRIPT_NAME: '/index.php',
        PATH_INFO: '/x.jpg',
        PATH_TRANSLATED: join(folder, 'x.jpg'),
      };
      const { stdout } = spawnSync(phpCgi, program.command.slice(1), { env: environment, encoding: 'utf8' });
      assert.match(stdout, fixed ? /\r\n\r\nindex \/x\.jpg\/index\.php\/x\.jpg$/ : /\r\n\r\nindex \/x\.jpg/);
    });
  }

  it('makes embedded PHP a program of one lane, without a probe', (t) => {
    const embedded: Php = { ...php, kind: 'embedded', path: '/x/main.js' };
    const { program, label } = made(t, { php: embedded, ini: { memory_limit: '64M' }, env: { APP: 'x' } });
    assert.deepEqual(program.command, [
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      '/x/main.js',
      '-d',
      "memory_limit='64M'",
    ]);
    assert.deepEqual(program.env, { APP: 'x', PATH: '/usr/bin:/bin' });
    assert.deepEqual(
      [program.lanesPerWorker, program.preforks, program.probe, program.reuse],
      [1, false, null, 'always'],
    );
    assert.equal(label, 'embedded PHP 8.2.36');
  });

  it('refuses an ini setting that PHP could not read, and leaves no probe behind', (t) => {
    const probeFolder = join(temporaryFolder(t), 'probes');
    assert.throws(() => made(t, { ini: { 'a b': 1 }, probe: new SharedProbe(probeFolder) }), {
      code: 'CONFIG_INVALID',
    });
    assert.equal(existsSync(probeFolder), false);
  });

  for (const from of ['ini', 'php.ini'] as const) {
    it(`lets the probe run where open_basedir of ${from} confines PHP, and confines the rest still`, async (t) => {
      const phpCgi = findProgram('php-cgi');
      if (phpCgi === null) return t.skip('php-cgi is not installed');
      const folder = temporaryFolder(t);
      writeFileSync(join(folder, 'php.ini'), 'open_basedir = /nowhere\n');
      writeFileSync(join(folder, 'other.php'), '<?php echo "outside";');
      // A php-cgi that reads that php.ini.
      writeFileSync(join(folder, 'php-cgi'), `#!/bin/sh\nexec ${phpCgi} -c ${folder}/php.ini "$@"\n`, { mode: 0o755 });
      const wanted = from === 'ini' ? phpCgi : join(folder, 'php-cgi');
      const found = await findPhp({ wanted, path: '/usr/bin:/bin', home: null, folder });
      const { program } = made(t, {
        php: found,
        ini: from === 'ini' ? { open_basedir: '/nowhere' } : {},
        probe: new SharedProbe(folder),
      });
      const run = (environment: object) => {
        const [command, ...args] = program.command;
        return spawnSync(command!, args, { env: { ...environment }, encoding: 'utf8' });
      };
      assert.match(run(program.probe!.environment).stdout, /\r\n\r\npostern-pid:\d+$/);
      const other = { ...program.probe!.environment, SCRIPT_FILENAME: join(folder, 'other.php') };
      assert.doesNotMatch(run(other).stdout, /outside/);
    });
  }
});

function made(t: TestContext, given: Partial<PhpProgramOptions>): ReturnType<typeof phpProgram> {
  const options = { name: 'php', php, workers: 4, cwd: '/', env: {}, path: '/usr/bin:/bin', ini: {}, user: null };
  const result = phpProgram({ ...options, ...given });
  t.after(() => result.close());
  return result;
}
