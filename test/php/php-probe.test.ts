import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { writeProbe } from '../../src/php/php-probe.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { findProgram, temporaryFolder } from '../support/folder.ts';

describe('writeProbe()', () => {
  for (const [what, settings] of [
    ['', []],
    [' where other files are to run around every script', ['auto_prepend_file=PREPEND', 'auto_append_file=PREPEND']],
    [' where sessions begin by themselves', ['session.auto_start=1', 'session.save_path=/nowhere']],
    [' where getmypid() is disabled', ['disable_functions=getmypid']],
    [' where getmypid() and posix_getpid() are disabled', ['disable_functions=getmypid,posix_getpid']],
    [' where output is compressed', ['zlib.output_compression=1']],
  ] as const) {
    it(`makes a script that answers the pid of its process${what}`, (t) => {
      const phpCgi = findProgram('php-cgi');
      if (phpCgi === null) return t.skip('php-cgi is not installed');
      const folder = temporaryFolder(t);
      const prepend = join(folder, 'prepend.php');
      writeFileSync(prepend, '<?php echo "not a pid"; exit;');
      const probe = writeProbe(folder);
      t.after(() => probe.close());
      const args = settings.flatMap((setting) => ['-d', setting.replace('PREPEND', prepend)]);
      const { stdout, pid } = spawnSync(phpCgi, args, { env: { ...probe.environment }, encoding: 'utf8' });
      assert.equal(stdout.split('\r\n\r\n')[1], String(pid));
      assert.doesNotMatch(stdout, /Set-Cookie/);
    });
  }

  it('lets every user read it and nobody else write, whatever the umask', (t) => {
    const umask = process.umask(0o077);
    t.after(() => process.umask(umask));
    const probe = writeProbe(temporaryFolder(t));
    t.after(() => probe.close());
    assert.equal(statSync(probe.folder).mode & 0o777, 0o755);
    assert.equal(statSync(join(probe.folder, 'probe.php')).mode & 0o777, 0o644);
    assert.equal(statSync(join(probe.folder, '.user.ini')).mode & 0o777, 0o644);
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
