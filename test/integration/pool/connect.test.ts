// Pools of FastCGI servers elsewhere, under `postern run`, with PHP-FPM and a program of libfcgi with threads.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { sendSignal } from '../../../src/worker/process-table.ts';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { startPhpCgi, startPhpFpm } from '../../support/php-cgi.ts';
import { phpFpm } from '../../support/php-fpm.ts';
import { type LogLine, PhpService, phpMissing, writePhpSite } from '../../support/php-service.ts';
import { postern } from '../../support/postern-process.ts';
import { spawnListening } from '../../support/spawned-fastcgi.ts';
import { until } from '../../support/until.ts';

const noFpm = phpFpm === null ? 'PHP-FPM is not installed' : false;

const files = {
  'post.php': '<?php echo $_SERVER["REQUEST_METHOD"], " ", $_POST["a"] ?? "";',
  'finish.php': '<?php echo "ok"; fastcgi_finish_request(); sleep(3);',
  'sleep.php': '<?php sleep(3); echo "slept";',
};

/** A service whose php pool is PHP-FPM. @param lines of the FPM pool @param pool of ours, besides the address */
async function start(t: TestContext, lines: string, pool = ''): Promise<PhpService> {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'fpm'));
  const address = await startPhpFpm(t, phpFpm!, join(folder, 'fpm'), 2, lines);
  assert.ok(address.kind === 'unix');
  return PhpService.start(t, { folder, files, pool: `connect = "unix:${address.path}"\nworkers = 4\n${pool}` });
}

const form = { method: 'POST', body: new URLSearchParams({ a: '1' }) };

describe('a connect pool as shipped', { skip: noFpm }, () => {
  it('loses no POST to a PHP-FPM whose processes leave after three requests', async (t) => {
    const service = await start(t, 'pm.max_requests = 3\n');
    for (let round = 0; round < 30; round += 1) {
      assert.equal(await service.text('post.php'), 'GET ');
      const posted = await service.get('post.php', form);
      assert.deepEqual([posted.status, await posted.text()], [200, 'POST 1']);
    }
  });

  it('loses no POST with reuse = "bodiless" either, and sends lost GETs again', async (t) => {
    const service = await start(t, 'pm.max_requests = 3\n', 'reuse = "bodiless"\n');
    for (let round = 0; round < 30; round += 1) {
      assert.equal(await service.text('post.php'), 'GET ');
      assert.equal((await service.get('post.php', form)).status, 200);
    }
  });

  it('does not wait behind fastcgi_finish_request() while another process is free', async (t) => {
    const service = await start(t, '');
    const began = performance.now();
    assert.equal(await service.text('finish.php'), 'ok');
    assert.equal(await service.text('post.php'), 'GET ');
    assert.ok(performance.now() - began < 2_500);
  });

  it('asks the next server for a GET, and not for a POST, when one says nothing for readTimeout', async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'fpm'));
    const address = await startPhpFpm(t, phpFpm!, join(folder, 'fpm'), 2);
    assert.ok(address.kind === 'unix');
    // It accepts, reads, and never answers.
    const silent = createServer((socket) => socket.resume().on('error', () => {}));
    const silentPath = join(folder, 'silent.sock');
    await new Promise<void>((resolve) => silent.listen(silentPath, resolve));
    t.after(() => silent.close());
    const pool = `connect = ["unix:${silentPath}", { address = "unix:${address.path}", weight = 1 }]\nreadTimeout = "1s"\n`;
    const service = await PhpService.start(t, { folder, files, pool });
    assert.equal(await service.text('post.php'), 'GET ');
    // The silent one rests now.
    assert.equal((await service.get('post.php', form)).status, 200);
    const status = await service.status();
    assert.deepEqual(status.notReady, []);
  });
});

describe('a connect pool, readiness', { skip: noFpm }, () => {
  it('is not ready while none of its servers takes a connection, and says which; then it is, by itself', async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'fpm'));
    const pool = `connect = "unix:${join(folder, 'fpm/fpm.sock')}"\n`;
    const service = await PhpService.start(t, { folder, files, pool });
    const ready = await fetch(new URL('readyz', service.admin));
    assert.equal(ready.status, 503);
    assert.match(await ready.text(), /^pool php: its server takes no connection: unix:\S+fpm\.sock \(.*ENOENT/);
    assert.equal((await service.get('post.php')).status, 502);
    await startPhpFpm(t, phpFpm!, join(folder, 'fpm'), 1);
    await until(async () => (await fetch(new URL('readyz', service.admin))).ok, 'it is ready');
    assert.equal(await service.text('post.php'), 'GET ');
    assert.equal((await service.logged('takes connections again')).length, 1);
    assert.equal(service.log('takes no connection').length, 1);
  });
});

test('a program that always takes longer than half of requestTimeout is asked once for each request', async (t) => {
  const program = fileURLToPath(new URL('../../fixtures/answers-its-pid.ts', import.meta.url));
  const pool = `command = ["${process.execPath}", "${program}", "1200"]\nallowRoot = true\nworkers = 1\nrequestTimeout = "2s"\n`;
  const more = '[[site.main.route]]\nmatch = "/app"\npool = "php"\n';
  const service = await PhpService.start(t, { files, pool, more });
  const pid = await service.text('app');
  for (let round = 0; round < 3; round += 1) assert.equal(await service.text('app'), pid);
  assert.deepEqual(service.log('unread on a kept connection'), []);
});

test('a request that takes long after quick ones is asked once, of a program and of an application', async (t) => {
  const fixture = (path: string): string => fileURLToPath(new URL(`../../fixtures/${path}`, import.meta.url));
  const more = '[[site.main.route]]\nmatch = "/app"\npool = "php"\n';
  const limits = 'allowRoot = true\nworkers = 1\nrequestTimeout = "3s"\n';
  const command = `command = ["${process.execPath}", "${fixture('answers-its-pid.ts')}", "0", "0", "2500"]\n`;
  const program = await PhpService.start(t, { files, pool: command + limits, more });
  const pid = await program.text('app');
  for (let round = 0; round < 2; round += 1) assert.equal(await program.text('app'), pid);
  assert.deepEqual(program.log('unread on a kept connection'), []);
  const pool = `app = "${fixture('apps/sleeps.ts')}"\nlanes = 4\n${limits}`;
  const application = await PhpService.start(t, { files, pool, more });
  for (const [path, begun] of [
    ['app', '1'],
    ['app', '2'],
    ['app?ms=2500', '3'],
    ['app', '4'],
  ] as const)
    assert.equal(await application.text(path), begun);
  assert.deepEqual(application.log('unread on a kept connection'), []);
});

describe('a program of libfcgi with threads around one accept', () => {
  /** The program, or null where it cannot be compiled. */
  function compile(t: TestContext, folder: string): string | null {
    const compiler = findProgram('cc');
    if (compiler === null || !existsSync('/usr/include/fcgiapp.h')) {
      t.skip('cc or libfcgi-dev is not installed');
      return null;
    }
    const program = join(folder, 'threads');
    const source = fileURLToPath(new URL('../../fixtures/libfcgi/threads.c', import.meta.url));
    execFileSync(compiler, ['-o', program, source, '-lfcgi', '-lpthread']);
    return program;
  }

  const more = '[[site.main.route]]\nmatch = "/app"\npool = "php"\n';

  /** A service that has the program elsewhere at /app. */
  async function startThreads(t: TestContext, pool: string): Promise<PhpService | null> {
    const folder = temporaryFolder(t);
    const program = compile(t, folder);
    if (program === null) return null;
    const path = join(folder, 'app.sock');
    const child = await spawnListening([program], path);
    // A thread that waits in accept() does not hear SIGTERM.
    t.after(() => child.kill('SIGKILL'));
    return PhpService.start(t, { folder, files, pool: `connect = "unix:${path}"\n${pool}`, more });
  }

  /** A service that starts the program itself. */
  async function startCommand(t: TestContext, pool: string): Promise<PhpService | null> {
    const folder = temporaryFolder(t);
    const program = compile(t, folder);
    if (program === null) return null;
    const lines = `command = ["${program}"]\nallowRoot = true\nworkers = 4\nstopTimeout = "1s"\n${pool}`;
    return PhpService.start(t, { folder, files, pool: lines, more });
  }

  it('elsewhere, as shipped: answers each request at once', async (t) => {
    const service = await startThreads(t, '');
    if (service === null) return;
    const began = performance.now();
    for (let round = 0; round < 10; round += 1) assert.equal(await service.text('app'), '0');
    assert.equal(await (await service.get('app', form)).text(), '3');
    assert.ok(performance.now() - began < 4_000);
  });

  it('elsewhere, with reuse = "always": a GET that nobody reads is sent again, no connection is kept any more, and the log says so', async (t) => {
    const service = await startThreads(t, 'reuse = "always"\n');
    if (service === null) return;
    service.useOneConnection();
    for (let round = 0; round < 6; round += 1) assert.equal(await service.text('app'), '0');
    const told: LogLine[] = service.log('left a request unread on a kept connection');
    assert.equal(told.length, 1);
  });

  for (const limits of [
    'requestTimeout = "5s"',
    'requestTimeout = "1s"',
    'readTimeout = "1s"\nrequestTimeout = "5s"',
  ]) {
    it(`a GET that nobody reads is answered within ${limits.replace('\n', ', ')}, elsewhere and as a command`, async (t) => {
      const elsewhere = await startThreads(t, `reuse = "always"\n${limits}\n`);
      const command = await startCommand(t, `${limits}\n`);
      for (const service of [elsewhere, command]) {
        if (service === null) return;
        service.useOneConnection();
        for (let round = 0; round < 4; round += 1) assert.equal(await service.text('app'), '0');
        assert.equal(service.log('left a request unread on a kept connection').length, 1);
      }
    });
  }

  it('as a command with lanes: answers each request at once', async (t) => {
    const service = await startCommand(t, 'lanes = 4\nminWorkers = 1\n');
    if (service === null) return;
    const began = performance.now();
    for (let round = 0; round < 10; round += 1) assert.equal(await service.text('app'), '0');
    assert.equal(await (await service.get('app', form)).text(), '3');
    assert.ok(performance.now() - began < 4_000);
  });

  it('as a command: postern check sends a second request on the connection, and says what to set', async (t) => {
    const folder = temporaryFolder(t);
    const program = compile(t, folder);
    if (program === null) return;
    const lines = `command = ["${program}"]\nallowRoot = true\nstopTimeout = "1s"\n`;
    const check = async (pool: string): Promise<string> => {
      const config = writePhpSite(folder, { files: {}, pool, more });
      return (await postern(t, folder, ['check', '-c', config], folder)).out;
    };
    const unread =
      /note +pool php +a second request, on the kept connection, was answered only after [5-9]\d{3} ms: set reuse = "never"/;
    assert.match(await check(lines), unread);
    assert.doesNotMatch(await check(`${lines}reuse = "never"\n`), /second request/);
  });

  it('as a command as shipped: a POST is answered at once, a GET that nobody reads is sent again, once', async (t) => {
    const service = await startCommand(t, '');
    if (service === null) return;
    // Another thread would have connections of its own, and keep none before it has a request.
    service.useOneConnection();
    assert.equal(await service.text('app'), '0');
    const began = performance.now();
    assert.equal(await (await service.get('app', form)).text(), '3');
    assert.ok(performance.now() - began < 4_000);
    for (let round = 0; round < 6; round += 1) assert.equal(await service.text('app'), '0');
    assert.equal(service.log('left a request unread on a kept connection').length, 1);
    assert.ok(performance.now() - began < 15_000);
  });
});

describe('a connect pool and a script that forks', { skip: phpMissing }, () => {
  it('what the fork sends late is dropped and logged with its URL, and the next request is answered', async (t) => {
    const folder = temporaryFolder(t);
    const address = await startPhpCgi(t, findProgram('php-cgi')!, folder);
    assert.ok(address.kind === 'unix');
    const service = await PhpService.start(t, {
      folder,
      files: {
        ...files,
        'fork2.php':
          '<?php if (!function_exists("pcntl_fork")) exit("none"); echo "done\n"; $fork = pcntl_fork(); if ($fork === 0) { sleep(1); exit(0); } echo $fork;',
      },
      pool: `connect = "unix:${address.path}"\nworkers = 1\nreuse = "always"\n`,
    });
    // Another thread has a connection of its own, on which the fork writes nothing.
    service.useOneConnection();
    const forked = await service.text('fork2.php');
    if (forked === 'none') return t.skip('this PHP has no pcntl_fork');
    // After exit() it is a server, as the one that it was forked from.
    t.after(() => sendSignal(Number(forked.split('\n')[1]), 'SIGKILL'));
    assert.equal(await service.text('sleep.php'), 'slept');
    assert.match((await service.logged('went on writing after its end'))[0]!.msg, /^GET \/fork2\.php went on writing/);
    assert.equal((await service.get('post.php', form)).status, 200);
  });
});
