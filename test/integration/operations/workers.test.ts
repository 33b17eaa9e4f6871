// Workers that are killed, hang or do not start, as whoever operates a service sees it: status, log, the next answer.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isGone } from '../../../src/worker/process-table.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { PhpService, phpMissing, phpPool } from '../../support/php-service.ts';
import { until } from '../../support/until.ts';

const pidScript = '<?php echo getmypid();';
const slowScript = '<?php usleep(700000); echo getmypid();';
const streamScript = '<?php ob_end_flush(); echo str_repeat("x", 70000); flush(); usleep(700000); echo "end";';
const files = { 'pid.php': pidScript, 'slow.php': slowScript, 'stream.php': streamScript };

describe('workers of a running service', { skip: phpMissing }, () => {
  it('kill -9 of an idle worker or of all: the next request is answered', async (t) => {
    const service = await PhpService.start(t, { files });
    const first = Number(await service.text('pid.php'));
    const parent = (await service.lanes('idle'))[0]!.workerPid;
    process.kill(first, 'SIGKILL');
    const [line] = await service.logged(`idle process ${first} ended`);
    const how = `(SIGKILL|its parent, process ${parent}, saw how and tells nobody)`;
    assert.match(line!.msg, new RegExp(`^idle process ${first} ended \\(${how}\\): another takes its place$`));
    assert.notEqual(Number(await service.text('pid.php')), first);
    for (let round = 0; round < 3; round += 1) {
      const worker = (await service.lanes('idle'))[0]!.workerPid;
      process.kill(-worker, 'SIGKILL');
      assert.equal((await service.get('pid.php')).status, 200);
    }
    await until(async () => (await service.pool()).counters.finished === 5, 'all five are finished');
    assert.equal((await service.pool()).counters.accepted, 5);
  });

  it('kill -9 of a busy worker: 502 or an aborted answer; pid, signal, URL and duration in the log', async (t) => {
    const service = await PhpService.start(t, { files });
    const unanswered = service.get('slow.php?a=1', { method: 'POST', body: 'a=1' });
    process.kill((await service.busy(1))[0]!.pid, 'SIGKILL');
    assert.equal((await unanswered).status, 502);
    const [record] = await service.logged('while it ran');
    assert.equal(record!.url, '/slow.php?a=1');
    assert.match(String(record!.msg), /: the request failed$/);
    assert.deepEqual(service.log('END_REQUEST'), [], 'one death is one line');
    assert.ok(Number(record!.pid) > 0 && Number(record!.durationMs) >= 0 && 'signal' in record!);

    const response = await service.get('stream.php');
    process.kill((await service.busy(1))[0]!.pid, 'SIGKILL');
    await assert.rejects(response.text(), 'half an answer is not told as a whole one');
    await service.logged('while it ran', 2);
    assert.equal((await service.get('pid.php')).status, 200);
  });

  it('a hung worker (SIGSTOP): 504, then SIGKILL, then replaced', async (t) => {
    const service = await PhpService.start(t, { files, pool: `${phpPool}workers = 2\nrequestTimeout = "1s"\n` });
    service.useOneConnection();
    const hung = Number(await service.text('pid.php'));
    process.kill(hung, 'SIGSTOP');
    const response = await service.get('pid.php');
    assert.equal(response.status, 504);
    await until(() => isGone(hung), 'it is killed');
    const [record] = await service.logged('is killed with SIGKILL');
    assert.equal(record!.pid, hung);
    for (let count = 0; count < 4; count += 1) assert.equal((await service.get('pid.php')).status, 200);
  });

  it('socket file removed while running: noticed, bound again', async (t) => {
    const service = await PhpService.start(t, { files });
    await service.text('pid.php');
    const sockets = readdirSync(service.folder, { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.sock') && !name.endsWith('control.sock'),
    );
    assert.ok(sockets.length > 0);
    for (const name of sockets) rmSync(join(service.folder, name));
    const responses = await Promise.all([1, 2, 3].map(() => service.get('slow.php', { method: 'POST', body: 'a' })));
    assert.deepEqual(
      responses.map(({ status }) => status),
      [200, 200, 200],
    );
  });
});

describe('a program that crashes at start, or is missing, or not executable', { skip: phpMissing }, () => {
  for (const [what, content, mode] of [
    ['crashes at start', '#!/bin/sh\necho no database >&2\nexit 3\n', 0o755],
    ['is missing', null, 0],
    ['is not executable', '#!/bin/sh\n', 0o644],
  ] as const) {
    it(`503 with Retry-After, back-off by score, one log line a change of state: it ${what}`, async (t) => {
      const folder = temporaryFolder(t);
      const program = join(folder, 'app');
      if (content !== null) writeFileSync(program, content, { mode });
      const pool = `command = ["${program}"]\nallowRoot = true\nworkers = 2\n`;
      const service = await PhpService.start(t, { folder, files, pool });
      await until(async () => {
        const response = await service.get('pid.php');
        assert.equal(response.status, 503);
        assert.ok(Number(response.headers.get('retry-after')) >= 1);
        return (await service.pool()).governor !== 'ready';
      }, 'it is refused');
      for (let count = 0; count < 20; count += 1) assert.equal((await service.get('pid.php')).status, 503);
      const { spawned, governor } = await service.pool();
      assert.ok(spawned < 12, `${spawned} starts`);
      assert.match(governor, /next spawn allowed in|rest/);
      const told = service.troubles().filter(({ msg }) => /answers 503/.test(msg));
      assert.equal(told.length, 1, JSON.stringify(told));
      const loud = service.troubles().filter(({ msg }) => msg !== 'no database');
      assert.ok(loud.length <= 4, loud.map(({ msg }) => msg).join('\n'));
    });
  }

  it('a CGI program that is missing or not executable: 404 or 500, and the service goes on', async (t) => {
    const more = '[[site.main.route]]\nmatch = "/cgi-bin/*"\npool = "cgi"\n[pool.cgi]\ncgi = true\nallowRoot = true\n';
    const folder = temporaryFolder(t);
    const service = await PhpService.start(t, { folder, files, more });
    const bin = join(folder, 'public/cgi-bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'plain'), '#!/bin/sh\necho "Content-Type: text/plain"; echo; echo ok\n', { mode: 0o755 });
    writeFileSync(join(bin, 'shut'), '#!/bin/sh\n', { mode: 0o644 });
    writeFileSync(join(bin, 'lost'), '#!/no/such/interpreter\n', { mode: 0o755 });
    writeFileSync(join(bin, 'crash'), '#!/bin/sh\nexit 3\n', { mode: 0o755 });
    chmodSync(join(bin, 'shut'), 0o644);
    assert.equal((await service.get('cgi-bin/none')).status, 404);
    assert.equal((await service.get('cgi-bin/shut')).status, 500);
    assert.equal((await service.get('cgi-bin/lost')).status, 500);
    assert.equal((await service.get('cgi-bin/crash')).status, 502);
    assert.equal(await service.text('cgi-bin/plain'), 'ok\n');
  });
});
