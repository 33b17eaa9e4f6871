// What a service does when something is used up: lanes, descriptors, the disk of its log and of its bodies.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { PhpService, phpMissing, phpPool } from '../../support/php-service.ts';
import { postern, testThreads } from '../../support/postern-process.ts';
import { RawClient } from '../../support/raw-client.ts';
import { until } from '../../support/until.ts';

const files = {
  'pid.php': '<?php echo getmypid();',
  'slow.php': '<?php usleep(700000); echo "slow";',
  'length.php': '<?php echo strlen(file_get_contents("php://input"));',
  'plain.txt': 'plain',
};

describe('limits of a running service', { skip: phpMissing }, () => {
  it('all lanes busy: bounded queue, then 503 with Retry-After; the log names the limit to raise', async (t) => {
    const pool = `${phpPool}workers = 1\nqueue = 2\nqueueTimeout = "10s"\n`;
    const service = await PhpService.start(t, { files, pool });
    const answers = [service.get('slow.php')];
    await service.busy(1);
    answers.push(...Array.from({ length: 12 }, () => service.get('slow.php')));
    const responses = await Promise.all(answers);
    const refused = responses.filter(({ status }) => status === 503);
    assert.equal(responses.filter(({ status }) => status === 200).length, 3);
    assert.equal(refused.length, 10);
    assert.ok(refused.every(({ headers }) => headers.get('retry-after') === '1'));
    // Each thread that refused some tells its first, and the others later.
    const words = 'pool php refused a request: 2 requests wait already (1 of 1 busy): raise workers or queue';
    await service.logged(words);
    const told = service.troubles().map(({ msg }) => msg);
    assert.deepEqual(new Set(told), new Set([words]));
    assert.ok(told.length <= testThreads, `${told.length} lines`);
    const { counters } = await service.pool();
    assert.deepEqual([counters.accepted, counters.finished, counters.refused, counters.maxWaiting], [13, 3, 10, 2]);
  });

  it('all lanes busy: who waits longer than queueTimeout is answered 503', async (t) => {
    const pool = `${phpPool}workers = 1\nqueueTimeout = "300ms"\n`;
    const service = await PhpService.start(t, { files, pool });
    const slow = service.get('slow.php');
    await service.busy(1);
    const late = await service.get('pid.php');
    assert.deepEqual([late.status, late.headers.get('retry-after')], [503, '1']);
    assert.match((await service.logged('refused a request'))[0]!.msg, /1 of 1 busy\): raise workers or queueTimeout/);
    assert.equal((await slow).status, 200);
  });

  it('no descriptors left: control still answers, and it recovers by itself', async (t) => {
    if (findProgram('bash') === null) return t.skip('bash is not installed');
    // One that was opened before the limit came down to below it cannot be closed in workers; they start all the same.
    const wrapper = ['bash', '-c', 'exec 250</dev/null; ulimit -n 160; exec "$@"', 'bash'];
    const service = await PhpService.start(t, { files, wrapper });
    await service.text('pid.php');
    const clients = Array.from({ length: 400 }, () => connect(service.port, '127.0.0.1').on('error', () => {}));
    t.after(() => clients.forEach((client) => void client.destroy()));
    await service.logged('new connections wait');
    const status = await postern(t, service.folder, ['status', '--json']);
    assert.equal(status.status, 0, status.err);
    assert.equal((await fetch(`${service.admin}livez`)).status, 200);
    for (const client of clients) client.destroy();
    await until(async () => (await statusOf(service, 'pid.php')) === 200, 'it answers again');
    assert.equal((await service.get('plain.txt')).status, 200);
    assert.equal((await service.pool()).ended.crash, 0);
  });

  it('no descriptors left for more clients: they wait in the backlog, none is reset, and control answers', async (t) => {
    if (findProgram('prlimit') === null) return t.skip('prlimit is not installed');
    const service = await PhpService.start(t, {
      files,
      pool: `${phpPool}workers = 4\nqueue = 200\nqueueTimeout = "30s"\n`,
    });
    await Promise.all(Array.from({ length: 4 }, () => service.text('slow.php')));
    const { pid } = service.postern;
    const limit = (soft: number | string) => execFileSync('prlimit', ['--pid', String(pid), `--nofile=${soft}:`]);
    const before = readFileSync(`/proc/${pid}/limits`, 'latin1').match(/Max open files +(\d+)/)![1]!;
    limit(readdirSync(`/proc/${pid}/fd`).length + 12);
    // Those that keep their connection are told to go when their place is wanted.
    const head = `GET /pid.php HTTP/1.1\r\nHost: a\r\n\r\n`;
    const clients = await Promise.all(Array.from({ length: 120 }, () => RawClient.connect(t, service.port)));
    for (const client of clients) client.send(head);
    const status = await postern(t, service.folder, ['status', '--json']);
    assert.equal(status.status, 0, status.err);
    await Promise.all(
      clients.map(async (client) => {
        await client.until(({ received, end }) => /\r\n\r\n\d+$/.test(received) || end !== 'open');
        if (client.received.includes('Connection: close')) client.socket.end();
      }),
    );
    assert.deepEqual(
      new Set(clients.map(({ received }) => received.slice(0, 12))),
      new Set(['HTTP/1.1 200']),
      'all are answered',
    );
    await service.logged("new connections wait in the system's backlog");
    limit(before);
    for (const client of clients) client.socket.destroy();
    await until(async () => (await statusOf(service, 'pid.php')) === 200, 'it answers as before');
    const more = await Promise.all(Array.from({ length: 60 }, () => statusOf(service, 'pid.php')));
    assert.deepEqual(new Set(more), new Set([200]));
  });

  it('no descriptors left for workers and files: 503 or an error answer, and it recovers by itself', async (t) => {
    if (findProgram('prlimit') === null) return t.skip('prlimit is not installed');
    const service = await PhpService.start(t, { files });
    await service.text('pid.php');
    // Asked for before there is no descriptor left for the question.
    const worker = await lastWorker(service);
    const open = readdirSync(`/proc/${service.postern.pid}/fd`).length;
    const limit = (soft: number | string) =>
      execFileSync('prlimit', ['--pid', String(service.postern.pid), `--nofile=${soft}:`]);
    const before = readFileSync(`/proc/${service.postern.pid}/limits`, 'latin1').match(/Max open files +(\d+)/)![1]!;
    limit(open);
    process.kill(-worker, 'SIGKILL');
    const statuses = new Set<number>();
    for (let count = 0; count < 10; count += 1) {
      statuses.add(await statusOf(service, 'pid.php'));
      statuses.add(await statusOf(service, 'plain.txt'));
    }
    t.diagnostic(`answers: ${[...statuses]}`);
    assert.equal(service.postern.child.exitCode, null);
    limit(before);
    await until(async () => (await statusOf(service, 'pid.php')) === 200, 'it answers again');
    assert.equal((await service.get('plain.txt')).status, 200);
  });

  it('no descriptors left while programs are to be started: 503, no crash of a program; served again within a second, and nothing leaked', async (t) => {
    if (findProgram('prlimit') === null) return t.skip('prlimit is not installed');
    const phpCgi = findProgram('php-cgi')!;
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'public/cgi-bin'), { recursive: true });
    writeFileSync(join(folder, 'public/cgi-bin/ok'), '#!/bin/sh\necho "Content-Type: text/plain"; echo; echo ok\n', {
      mode: 0o755,
    });
    const more =
      '[[site.main.route]]\nmatch = "/cgi-bin/*"\npool = "cgi"\n[pool.cgi]\ncgi = true\nallowRoot = true\n' +
      `[[site.main.route]]\nmatch = "*.fcgi"\npool = "plain"\n[pool.plain]\ncommand = ["${phpCgi}"]\nallowRoot = true\nworkers = 4\nqueueTimeout = "1s"\n`;
    const service = await PhpService.start(t, {
      folder,
      pool: `${phpPool}workers = 2\nqueueTimeout = "1s"\n`,
      files: { ...files, 'pid.fcgi': '<?php echo getmypid();' },
      more,
    });
    const paths = ['pid.php', 'pid.fcgi', 'cgi-bin/ok'];
    const ask = (): Promise<number[]> => Promise.all(paths.map((path) => statusOf(service, path)));
    await until(async () => (await ask()).every((status) => status === 200), 'all are served');
    const descriptors = (): number => readdirSync(`/proc/${service.postern.pid}/fd`).length;
    const workers = async (): Promise<number[]> => [
      ...(await service.lanes('idle')).map(({ workerPid }) => workerPid),
      ...(await service.pool('plain')).lanes.map(({ workerPid }) => workerPid),
    ];
    const before = readFileSync(`/proc/${service.postern.pid}/limits`, 'latin1').match(/Max open files +(\d+)/)![1]!;
    const limit = (soft: number | string): unknown =>
      execFileSync('prlimit', ['--pid', String(service.postern.pid), `--nofile=${soft}:`]);
    const spawned = async (): Promise<number> => (await service.pool()).spawned + (await service.pool('plain')).spawned;
    const opened = descriptors();
    for (let round = 0; round < 2; round += 1) {
      const victims = new Set(await workers());
      // Room for connections of clients, and for no start.
      limit(opened + 6);
      for (const worker of victims) process.kill(-worker, 'SIGKILL');
      const statuses = new Set<number>();
      for (let count = 0; count < 3; count += 1) for (const status of await ask()) statuses.add(status);
      t.diagnostic(`answers: ${[...statuses]}`);
      assert.ok(
        [...statuses].every((status) => [0, 200, 500, 503].includes(status)),
        String([...statuses]),
      );
      limit(before);
      const beganMs = performance.now();
      await until(async () => (await ask()).every((status) => status === 200), 'all are served again');
      const tookMs = performance.now() - beganMs;
      t.diagnostic(`again after ${Math.round(tookMs)} ms`);
      assert.ok(tookMs < 3_000, `${tookMs} ms`);
    }
    assert.deepEqual(service.log('answers 503'), [], 'no program was taken for a faulty one');
    assert.deepEqual(
      service.troubles().filter(({ msg }) => /fails: \d+ crash/.test(msg)),
      [],
    );
    t.diagnostic(`${await spawned()} were started`);
    await until(
      () => descriptors() <= opened + 8,
      () => `${descriptors()} are open, ${opened} were`,
    );
  });

  it('log disk full: requests are answered, what was lost is told', async (t) => {
    const folder = temporaryFolder(t);
    const pool = `${phpPool}workers = 1\nqueue = 0\n`;
    const service = await PhpService.start(t, {
      folder,
      files,
      pool,
      logFile: '/dev/full',
      listen: `unix:${folder}/site.sock`,
    });
    const ask = () =>
      execFileSync('curl', ['-s', '--unix-socket', `${folder}/site.sock`, 'http://a/pid.php'], { encoding: 'utf8' });
    await until(() => Number(ask()) > 0, 'it answers');
    for (let count = 0; count < 30; count += 1) assert.ok(Number(ask()) > 0);
    await service.postern.wrote(/postern: the log cannot be written \(ENOSPC\)/);
    service.postern.child.kill('SIGUSR1');
    assert.ok(Number(ask()) > 0);
    service.postern.child.kill('SIGTERM');
    assert.equal((await service.postern.ended()).status, 0);
  });

  it('standard output closed by whoever read the log: requests are answered', async (t) => {
    const service = await PhpService.start(t, { files });
    service.postern.child.stdout!.destroy();
    for (let count = 0; count < 20; count += 1) await service.text('pid.php');
    service.postern.child.kill('SIGTERM');
    assert.equal((await service.postern.ended()).status, 0);
  });

  it('spool disk full: 507, the log says so, and it recovers', async (t) => {
    const spool = mountTiny(t);
    if (spool === null) return t.skip('this user may not mount a file system');
    const service = await PhpService.start(t, { files, site: `spoolFolder = "${spool}"\n` });
    const post = (bytes: number) => service.get('length.php', { method: 'POST', body: Buffer.alloc(bytes, 'x') });
    assert.equal(await (await post(500_000)).text(), '500000');
    assert.equal((await post(3_000_000)).status, 507);
    assert.match((await service.logged('no room for a request body'))[0]!.msg, /ENOSPC/);
    assert.equal(await (await post(500_000)).text(), '500000');
    assert.deepEqual(readdirSync(spool), []);
  });
});

/** The status of an answer; 0: the connection ended without one. */
async function statusOf(service: PhpService, path: string): Promise<number> {
  return service.get(path).then(
    ({ status }) => status,
    () => 0,
  );
}

async function lastWorker(service: PhpService): Promise<number> {
  return (await service.lanes('idle'))[0]!.workerPid;
}

/** A file system of 1 MB that goes with the test. @returns null: it may not be made */
function mountTiny(t: TestContext): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'postern-spool-'));
  t.after(() => {
    spawnSync('umount', ['-l', folder]);
    rmdirSync(folder);
  });
  const made = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'postern-test', folder]);
  return made.status === 0 ? folder : null;
}
