import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { type FindPhpOptions, findPhp } from '../../src/php/find-php.ts';
import { findProgram, temporaryFolder } from '../support/folder.ts';

describe('findPhp()', () => {
  it('takes php-cgi on PATH before a newer one with a version in its name, and says why', async (t) => {
    const folder = temporaryFolder(t);
    fakePhp(join(folder, 'bin/php-cgi'), '8.2.36');
    fakePhp(join(folder, 'bin/php-cgi8.4'), '8.4.28');
    const php = await findPhp(looking(folder));
    assert.deepEqual([php.kind, php.path, php.reason], ['cgi', join(folder, 'bin/php-cgi'), 'the php-cgi on PATH']);
    assert.equal(php.version.text, '8.2.36');
    assert.deepEqual(php.warnings, []);
  });

  it('takes the newest of the versioned names: of Debian, Alpine and Remi', async (t) => {
    const folder = temporaryFolder(t);
    fakePhp(join(folder, 'bin/php-cgi8.2'), '8.2.36');
    fakePhp(join(folder, 'bin/php-cgi84'), '8.4.28');
    fakePhp(join(folder, 'bin/php83-cgi'), '8.3.37');
    const php = await findPhp(looking(folder));
    assert.equal(php.path, join(folder, 'bin/php-cgi84'));
    assert.equal(php.reason, 'php-cgi84 on PATH');
  });

  it('looks at the places of systems and version managers, and takes the newest there', async (t) => {
    const folder = temporaryFolder(t);
    fakePhp(join(folder, 'versions/8.3.37/bin/php-cgi'), '8.3.37');
    fakePhp(join(folder, 'versions/8.10.1/bin/php-cgi'), '8.10.1');
    const places = [{ pattern: join(folder, 'versions/*/bin/php-cgi'), whose: "phpenv's" }];
    const php = await findPhp({ ...looking(folder), places });
    assert.equal(php.version.text, '8.10.1');
    assert.equal(php.reason, "phpenv's php-cgi, not on PATH");
  });

  it('passes over one that does not run, and says so', async (t) => {
    const folder = temporaryFolder(t);
    fakeProgram(join(folder, 'bin/php-cgi'), 'echo "shim: no version is set" >&2; exit 1');
    fakePhp(join(folder, 'bin/php-cgi8.2'), '8.2.20');
    const php = await findPhp(looking(folder));
    assert.equal(php.path, join(folder, 'bin/php-cgi8.2'));
    assert.match(php.warnings[0]!, /bin\/php-cgi was passed over: it is not PHP: .*no version is set/);
    assert.match(php.warnings[1]!, /CVE-2026-129289.*update to 8\.2\.36/);
  });

  it('takes embedded PHP where none is found, and tells of a command-line PHP what to install', async (t) => {
    const folder = temporaryFolder(t);
    fakePhp(join(folder, 'bin/php'), '8.2.36', 'cli');
    const php = await findPhp(looking(folder));
    assert.deepEqual([php.kind, php.reason], ['embedded', 'no php-cgi was found']);
    assert.match(
      php.warnings[0]!,
      /bin\/php was passed over: it is PHP's command line \(8\.2\.36\).*apt install php8\.2-cgi/,
    );
  });

  it('takes the path that is given, from the folder of the configuration when it is relative, and a name from PATH', async (t) => {
    const folder = temporaryFolder(t);
    fakePhp(join(folder, 'own/php'), '8.4.28');
    fakePhp(join(folder, 'bin/php-cgi8.2'), '8.2.36');
    assert.equal((await findPhp({ ...looking(folder), wanted: 'own/php' })).path, join(folder, 'own/php'));
    assert.equal((await findPhp({ ...looking(folder), wanted: 'php-cgi8.2' })).reason, 'as configured');
    symlinkSync(join(folder, 'own/php'), join(folder, 'link'));
    assert.equal((await findPhp({ ...looking(folder), wanted: join(folder, 'link') })).version.text, '8.4.28');
  });

  for (const [what, body, message] of [
    ['a program that is not PHP', 'echo "total 80"', /is not PHP: asked for its version, it printed "total 80"/],
    ['one that prints nothing', 'exit 0', /it printed nothing/],
    ['one that prints what a terminal would obey', "printf '\\033[2Jx\\n'", /it printed "\?\[2Jx"/],
    ['the command line', 'echo "PHP 8.3.6 (cli) (built: x)"', /command line \(8\.3\.6\).*apt install php8\.3-cgi/],
    ['PHP-FPM', 'echo "PHP 8.2.36 (fpm-fcgi) (built: x)"', /PHP-FPM.*connect = "unix:/],
    ['another SAPI', 'echo "PHP 8.2.36 (embed) (built: x)"', /PHP for embed.*no FastCGI/],
  ] as const) {
    it(`refuses ${what} with what to do`, async (t) => {
      const path = join(temporaryFolder(t), 'php');
      fakeProgram(path, body);
      await assert.rejects(findPhp({ ...looking('/'), wanted: path }), { code: 'CONFIG_INVALID', message });
    });
  }

  it('refuses what is not there, not a file, or not executable', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'text'), 'PHP 8.2.36 (cgi-fcgi)', { mode: 0o644 });
    for (const [wanted, message] of [
      ['/nowhere/php-cgi', /no such file/],
      [folder, /not a file/],
      [join(folder, 'text'), /not executable/],
      ['no-such-php', /no such program on PATH/],
    ] as const) {
      await assert.rejects(findPhp({ ...looking(folder), wanted }), { code: 'CONFIG_INVALID', message });
    }
  });

  it('finds the PHP of this machine', async (t) => {
    if (findProgram('php-cgi') === null) return t.skip('php-cgi is not installed');
    const php = await findPhp({ wanted: 'auto', path: process.env.PATH ?? '', home: null, folder: '/' });
    assert.equal(php.kind, 'cgi');
    assert.ok(php.version.major >= 7);
  });
});

/** Looks in `bin` of the folder only. */
function looking(folder: string): FindPhpOptions {
  return { wanted: 'auto', path: `${folder}/bin:/nowhere:relative`, home: null, folder, places: [] };
}

function fakePhp(path: string, version: string, sapi = 'cgi-fcgi'): void {
  fakeProgram(path, `echo "PHP ${version} (${sapi}) (built: Nov 18 2026 20:02:04)"`);
}

function fakeProgram(path: string, body: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
}
