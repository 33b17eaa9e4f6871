import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { writeProbe } from '../../src/php/php-probe.ts';
import { ProbeSink } from '../../src/worker/probe-sink.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { findProgram, temporaryFolder } from '../support/folder.ts';

describe('writeProbe()', () => {
  it('says in which folder it may not write', (t) => {
    const file = join(temporaryFolder(t), 'file');
    writeFileSync(file, '');
    assert.throws(() => writeProbe(join(file, 'below')), {
      code: 'CONFIG_INVALID',
      message: /^no temporary folder can be made in .*\/file\/below \(TMPDIR\): /,
    });
  });

  for (const [what, settings] of [
    ['', []],
    ['where other files are to run around every script', ['auto_prepend_file=PREPEND', 'auto_append_file=PREPEND']],
    ['where no .user.ini is read and a file asks for a login', ['user_ini.filename=', 'auto_prepend_file=PREPEND']],
    ['where sessions begin by themselves', ['session.auto_start=1', 'session.save_path=/nowhere']],
    ['where getmypid() is disabled', ['disable_functions=getmypid']],
    ['where function_exists() is disabled', ['disable_functions=function_exists']],
    ['where getmypid(), posix_getpid() and putenv() are disabled', ['disable_functions=getmypid,posix_getpid,putenv']],
    [
      'where they are disabled and open_basedir is set',
      ['disable_functions=getmypid,posix_getpid', 'open_basedir=/nowhere'],
    ],
    ['where output is compressed', ['zlib.output_compression=1']],
    ['where answers have no type and nothing is exposed', ['default_mimetype=', 'expose_php=0']],
    ['where scripts are under doc_root', ['doc_root=/nowhere']],
    ['where paths are not fixed', ['cgi.fix_pathinfo=0']],
  ] as const) {
    it(`makes a script that tells the pid of its process ${what}`, async (t) => {
      const phpCgi = findProgram('php-cgi');
      if (phpCgi === null) return t.skip('php-cgi is not installed');
      const folder = join(temporaryFolder(t), 'a folder (of probes)');
      const prepend = join(temporaryFolder(t), 'prepend.php');
      writeFileSync(prepend, '<?php header("Status: 401"); echo "not a pid"; exit;');
      const probe = writeProbe(folder);
      t.after(() => probe.close());
      const given = settings.map((setting) =>
        setting.replace(/=(.*)/, (_, value) => `='${value}'`).replace('PREPEND', prepend),
      );
      const args = [...given, `a='1'\n${probe.section}`].flatMap((setting) => ['-d', setting]);
      const { stdout, pid } = spawnSync(phpCgi, args, { env: { ...probe.environment }, encoding: 'utf8' });
      const [head = '', body = ''] = stdout.split('\r\n\r\n');
      const sink = new ProbeSink();
      sink.write(Buffer.from(body));
      sink.end();
      assert.equal(sink.pid, pid, stdout);
      assert.match(head, /^content-type: text\/plain/im);
      assert.doesNotMatch(stdout, /Set-Cookie|Status/);
    });
  }

  it('lets every user read it and nobody else write, whatever the umask', (t) => {
    const umask = process.umask(0o077);
    t.after(() => process.umask(umask));
    const probe = writeProbe(temporaryFolder(t));
    t.after(() => probe.close());
    assert.equal(statSync(probe.folder).mode & 0o777, 0o755);
    assert.equal(statSync(join(probe.folder, 'probe.php')).mode & 0o777, 0o644);
  });

  it('removes what a manager that was killed left behind, and nothing that is in use', (t) => {
    const parent = temporaryFolder(t);
    const [stale, live] = [writeProbe(parent), writeProbe(parent)];
    utimesSync(stale.folder, 0, 0);
    const next = writeProbe(parent);
    t.after(() => [stale, live, next].map((probe) => probe.close()));
    assert.deepEqual([existsSync(stale.folder), existsSync(live.folder)], [false, true]);
  });

  it('keeps it fresh, and writes it again when somebody swept it away', (t) => {
    const clock = new FakeClock();
    const probe = writeProbe(temporaryFolder(t), clock);
    const script = join(probe.folder, 'probe.php');
    utimesSync(script, 0, 0);
    clock.advance(3_600_000);
    assert.ok(statSync(script).mtimeMs > 0);
    rmSync(probe.folder, { recursive: true });
    clock.advance(3_600_000);
    assert.ok(existsSync(script));
    probe.close();
    probe.close();
    clock.advance(3_600_000);
    assert.equal(existsSync(probe.folder), false);
  });
});
