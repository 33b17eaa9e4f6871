// Clients that leave, send half, send too much or are slow, before a service with real PHP.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { isGone } from '../../../src/worker/process-table.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { PhpService, phpMissing, phpPool } from '../../support/php-service.ts';
import { testThreads } from '../../support/postern-process.ts';
import { RawClient } from '../../support/raw-client.ts';
import { until } from '../../support/until.ts';

const files = {
  'pid.php': '<?php echo getmypid();',
  'stream.php':
    '<?php while (ob_get_level()) ob_end_flush(); while (true) { echo str_repeat("x", 9000); flush(); usleep(20000); }',
  'body.php':
    '<?php $b = file_get_contents("php://input"); file_put_contents(__DIR__ . "/ran", "x", FILE_APPEND); echo strlen($b), " ", md5($b), " ", $_SERVER["CONTENT_LENGTH"] ?? "-";',
  'large.php': '<?php for ($i = 0; $i < 400; $i++) echo str_repeat("y", 100000);',
};
const one = `${phpPool}workers = 1\n`;

function residentMegabytes({ postern }: PhpService): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${postern.pid}/status`, 'utf8'))![1]) / 1024;
}

describe('clients of a running service', { skip: phpMissing }, () => {
  it('400 uploads of 255 KB that stall hold a bounded amount of memory, most of which goes back when they are given up', async (t) => {
    const service = await PhpService.start(t, { files, pool: one });
    const bytes = 261_120;
    const stall = async (): Promise<RawClient[]> => {
      const clients: RawClient[] = [];
      for (let count = 0; count < 400; count += 1) {
        const client = await RawClient.connect(t, service.port);
        client.send(`POST /body.php HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n${'z'.repeat(bytes - 100)}`);
        clients.push(client);
      }
      return clients;
    };
    const giveUp = (clients: readonly RawClient[]): void => {
      for (const { socket } of clients) socket.destroy();
    };
    await service.get('pid.php');
    const before = residentMegabytes(service);
    const clients = await stall();
    await until(() => residentMegabytes(service) > before + 75, 'they are held');
    const most = residentMegabytes(service);
    giveUp(clients);
    await until(() => residentMegabytes(service) < most - 30, 'it was given back');
    const after = residentMegabytes(service);
    t.diagnostic(`${before.toFixed(0)} MB, stalled ${most.toFixed(0)} MB, then ${after.toFixed(0)} MB`);
    // 64 MB of bodies, 16 MB of blocks on their way to disk, and what connections take.
    assert.ok(most < before + 200, `${before.toFixed(0)} MB grew to ${most.toFixed(0)} MB`);
  });

  it('a flood of 500 connections above maxConnections costs little, one line in the log and a count, and is served in the end', async (t) => {
    const more = '[service]\nmaxConnections = 20\n';
    const service = await PhpService.start(t, {
      files: {
        ...files,
        'late.php': '<?php while (!file_exists(__DIR__ . "/go")) { usleep(20000); clearstatcache(); } echo "late";',
      },
      pool: one,
      more,
    });
    const busy: RawClient[] = [];
    for (let count = 0; count < 20; count += 1) {
      const client = await RawClient.connect(t, service.port);
      client.send('GET /late.php HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      busy.push(client);
    }
    await until(async () => (await service.pool()).counters.accepted === 20, 'all are taken');
    const before = residentMegabytes(service);
    const flood: RawClient[] = [];
    for (let count = 0; count < 500; count += 1) {
      const client = await RawClient.connect(t, service.port);
      client.send('GET /missing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      flood.push(client);
    }
    await until(async () => (await service.status()).limited.maxConnections! >= 500, 'the flood is there');
    const most = residentMegabytes(service);
    assert.ok(most < before + 60, `${before.toFixed(0)} MB grew to ${most.toFixed(0)} MB`);
    // Each thread that has one wait tells of it once.
    const told = service.postern.output().match(/a new connection waits: 20 are open/g)?.length ?? 0;
    assert.ok(told >= 1 && told <= testThreads, `${told} lines`);
    assert.equal((await service.pool()).counters.accepted, 20, 'none of the flood was read');
    // Who keeps its side open keeps its place for a while.
    for (const { socket } of [...busy, ...flood]) socket.on('end', () => socket.end());
    writeFileSync(join(service.folder, 'public/go'), '');
    const answered = (clients: readonly RawClient[], status: number): number =>
      clients.filter(({ received }) => received.startsWith(`HTTP/1.1 ${status}`)).length;
    await until(() => answered(busy, 200) === 20 && answered(flood, 404) === 500, 'all are answered');
  });

  it('a client that goes away in the answer: the lane is free again, others are answered', async (t) => {
    const service = await PhpService.start(t, { files, pool: one });
    for (let round = 0; round < 2; round += 1) {
      const client = await RawClient.connect(t, service.port);
      client.send('GET /stream.php HTTP/1.1\r\nHost: a\r\n\r\n');
      await client.untilHas('xxxx');
      client.socket.destroy();
      assert.equal((await service.get('pid.php')).status, 200);
    }
    const { counters } = await service.pool();
    assert.deepEqual([counters.accepted, counters.finished, counters.aborted], [4, 2, 2]);
  });

  it('a client that goes away: its CGI program is ended', async (t) => {
    const folder = temporaryFolder(t);
    const more = '[[site.main.route]]\nmatch = "*.sh"\npool = "cgi"\n[pool.cgi]\ncgi = true\nallowRoot = true\n';
    const script = '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n$$\\n"\nexec sleep 60\n';
    const service = await PhpService.start(t, { folder, files: { ...files, 'wait.sh': script }, more });
    chmodSync(join(folder, 'public/wait.sh'), 0o755);
    const client = await RawClient.connect(t, service.port);
    client.send('GET /wait.sh HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.until(({ received }) => /\r\n\r\n[0-9a-f]+\r\n\d+\n/.test(received));
    const pid = Number(/\r\n\r\n[0-9a-f]+\r\n(\d+)\n/.exec(client.received)![1]);
    assert.equal(isGone(pid), false);
    client.socket.destroy();
    await until(() => isGone(pid), 'the program is ended');
  });

  it('an upload cut in half never reaches a program as a whole one', async (t) => {
    const service = await PhpService.start(t, { files });
    for (const head of ['Content-Length: 400000', 'Transfer-Encoding: chunked']) {
      for (const bytes of [1_000, 300_000]) {
        const client = await RawClient.connect(t, service.port);
        const data = head.startsWith('T') ? `${(400_000).toString(16)}\r\n${'z'.repeat(bytes)}` : 'z'.repeat(bytes);
        client.send(`POST /body.php HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n${data}`);
        await wait(50);
        client.socket.end();
        const answer = await client.untilEnd();
        assert.match(answer, /^(?:HTTP\/1\.1 400 |$)/);
      }
    }
    assert.equal(existsSync(join(service.folder, 'public/ran')), false, 'PHP ran on none of them');
  });

  it('a chunked upload reaches PHP with its length; the spool file is gone afterwards', async (t) => {
    const folder = temporaryFolder(t);
    const service = await PhpService.start(t, { folder, files: { ...files, spool: '' }, site: 'spoolFolder = "."\n' });
    const client = await RawClient.connect(t, service.port);
    const piece = `${(50_000).toString(16)}\r\n${'q'.repeat(50_000)}\r\n`;
    client.send('POST /body.php HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (let count = 0; count < 12; count += 1) client.send(piece);
    client.send('0\r\nX-Trailer: dropped\r\n\r\n');
    await client.untilHas(' 600000');
    assert.match(client.received, /\r\n\r\n600000 [0-9a-f]{32} 600000/);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith('.body')),
      [],
    );
  });

  it('a body above maxBody: 413, at once when its length is told', async (t) => {
    const service = await PhpService.start(t, { files, site: 'maxBody = "100KB"\n' });
    const told = await RawClient.connect(t, service.port);
    told.send('POST /body.php HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n');
    assert.match(await told.untilEnd(), /^HTTP\/1\.1 413 /);
    const untold = await RawClient.connect(t, service.port);
    untold.send(
      `POST /body.php HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${(200_000).toString(16)}\r\n${'q'.repeat(200_000)}`,
    );
    assert.match(await untold.untilHas('413'), /^HTTP\/1\.1 413 /);
    assert.equal(existsSync(join(service.folder, 'public/ran')), false);
  });

  it('slow bodies and slow readers have limits and hold no worker', async (t) => {
    const service = await PhpService.start(t, { files, pool: one, site: 'bodyTimeout = "1s"\nwriteTimeout = "1s"\n' });
    const slow = await RawClient.connect(t, service.port);
    slow.send('POST /body.php HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf');
    const head = await RawClient.connect(t, service.port);
    head.send('GET /pid.php HTTP/1.1\r\nHost: a\r\nX-Slow: ');
    assert.equal((await service.get('pid.php')).status, 200, 'the only worker is free meanwhile');
    assert.match(await slow.untilEnd(), /^HTTP\/1\.1 408 /);

    const reader = await RawClient.connect(t, service.port);
    reader.socket.pause();
    reader.send('GET /large.php HTTP/1.1\r\nHost: a\r\n\r\n');
    await service.busy(1);
    await until(async () => (await service.lanes('busy')).length === 0, 'it is given up');
    assert.equal((await service.get('pid.php')).status, 200);
    const limited = async () => (await service.status()).limited;
    await until(async () => (await limited()).writeTimeout === 1, 'the reader is counted');
    assert.equal((await limited()).bodyTimeout, 1);
    for (const limit of ['bodyTimeout', 'writeTimeout']) {
      const lines = (await service.logged(`see ${limit}`)).filter(({ msg }) => msg.includes(limit));
      assert.deepEqual(
        lines.map(({ level }) => level),
        [40],
        limit,
      );
    }
  });
});
