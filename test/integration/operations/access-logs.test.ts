// Access logs of sites: to files of their own, in formats of their own, over reloads and rotation.

import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../../support/folder.ts';
import { PhpService, phpMissing } from '../../support/php-service.ts';
import { startPostern, testThreads } from '../../support/postern-process.ts';
import { until } from '../../support/until.ts';

const files = {
  'a.php': '<?php header("X-Cache: HIT"); echo "a";',
  'fails.php': '<?php function f() { throw new Exception("no"); } f();',
};
const skip = phpMissing;

describe('access logs of sites', { skip }, () => {
  it('are written to a file in their format, and not to the log; a file that was moved is opened again on USR1', async (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, 'main.log');
    const format = '%R %m %r%Q%q %s %{REQUEST_SCHEME}e %{X-Cache}o %{HTTP_COOKIE}e %n %{mili}d';
    const site = `accessLog = "main.log"\naccessFormat = '${format}'\n`;
    const service = await PhpService.start(t, { folder, files, site });
    const read = (): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
    // Three times: what is the same again takes a shorter way.
    for (let at = 0; at < 3; at += 1) await service.get('a.php?token=secret', { headers: { cookie: 'a=b' } });
    await until(() => read().split('\n').length === 4, 'three lines');
    assert.match(read(), /^(?:127\.0\.0\.1 GET \/a\.php\?token=\*\*\* 200 http HIT \*\*\* php \d+\.\d{3}\n){3}$/);
    assert.deepEqual(service.log('request'), []);
    renameSync(path, `${path}.1`);
    service.postern.child.kill('SIGUSR1');
    await until(() => existsSync(path), 'a new file');
    await service.get('none.php');
    await until(() => read().includes(' 404 '), 'its line');
    assert.equal(readFileSync(`${path}.1`, 'utf8').includes('404'), false);
  });

  it('are never served, wherever the root is', async (t) => {
    const folder = temporaryFolder(t);
    const service = await PhpService.start(t, { folder, files, site: 'accessLog = "public/access.txt"\n' });
    await service.get('a.php');
    await until(
      () => existsSync(join(folder, 'public/access.txt')) && readFileSync(join(folder, 'public/access.txt')).length > 0,
      'a line',
    );
    assert.equal((await service.get('access.txt')).status, 404);
  });

  it('change with a reload: off, and on again to another file; one that cannot be opened changes nothing', async (t) => {
    const folder = temporaryFolder(t);
    const service = await PhpService.start(t, { folder, files });
    const config = readFileSync(service.config, 'utf8');
    const reload = async (lines: string): Promise<number | null> => {
      writeFileSync(service.config, config.replace('root = "public"\n', `root = "public"\n${lines}`));
      return (await startPostern(t, folder, ['reload', '-c', service.config]).ended()).status;
    };
    await service.get('a.php?1');
    await service.logged('request');
    assert.equal(await reload('accessLog = "off"\n'), 0);
    await service.get('a.php?2');
    assert.equal(await reload('accessLog = "other.log"\naccessFormat = "combined"\n'), 0);
    await service.get('a.php?3');
    await until(() => readFileSync(join(folder, 'other.log'), 'utf8').includes('?3 HTTP/1.1" 200 1 "-" "'), 'its line');
    symlinkSync(join(folder, 'other.log'), join(folder, 'link.log'));
    assert.notEqual(await reload('accessLog = "link.log"\n'), 0);
    await service.get('a.php?4');
    await until(() => readFileSync(join(folder, 'other.log'), 'utf8').includes('?4 '), 'the old one goes on');
    assert.equal(service.log('request').length, 1);
    assert.equal((await service.status()).answers['200'], 4, 'counted all the same');
  });

  it('and the log of errors have the same request id, and a stack is one line with its severity', async (t) => {
    const service = await PhpService.start(t, {
      files,
      pool: 'php = "auto"\nallowRoot = true\nworkers = 1\nini = { log_errors = true, error_log = "", display_errors = false }\n',
    });
    assert.equal(
      (await service.get('fails.php', { headers: { 'user-agent': 'me', referer: 'http://a/?token=x' } })).status,
      500,
    );
    const [access] = await service.logged('request');
    const [message, second] = await service.logged('PHP Fatal error');
    assert.equal(second, undefined);
    assert.match(
      message!.msg,
      /^PHP Fatal error: {2}Uncaught Exception: no in .*\nStack trace:\n#0 .*: f\(\)\n#1 \{main\}\n {2}thrown in /,
    );
    assert.deepEqual(
      [message!.level, message!.severity, message!.line, message!.url, message!.pid],
      [50, 'Fatal error', 1, '/fails.php', access!.pid],
    );
    assert.equal(message!.requestId, access!.requestId);
    assert.deepEqual(
      [access!.userAgent, access!.referer, access!.attempts, Number(access!.thread) > 0],
      ['me', 'http://a/?token=***', 1, testThreads > 1],
    );
    assert.ok(Number(access!.pid) > 0);
    assert.ok(Number(access!.firstByteMs) > 0 && Number(access!.firstByteMs) <= Number(access!.durationMs));
  });
});
