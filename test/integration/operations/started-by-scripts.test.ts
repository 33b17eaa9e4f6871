// What PHP scripts start, fork and leave behind: it spoils nobody's request, and nothing of it stays.

import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { isGone } from '../../../src/worker/process-table.ts';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { PhpService, phpMissing, phpPool } from '../../support/php-service.ts';
import { postern } from '../../support/postern-process.ts';
import { until } from '../../support/until.ts';

const isRoot = process.getuid?.() === 0;
/** PHP_BINARY is php-cgi here. A shell gives what it starts behind it no standard input, unless it is kept for it. */
const inner = "PHP_BINARY . ' -q ' . __DIR__ . '/inner.php'";
const files = {
  'inner.php': '<?php echo "INNER ", getmypid(), "\\n";',
  'nested.php': `<?php echo "out: "; var_dump(shell_exec(${inner}));`,
  'behind.php': `<?php exec('exec 3<&0; ' . ${inner} . ' <&3 > /dev/null 2>&1 &'); echo 'started';`,
  'session.php': `<?php exec('exec 3<&0; setsid ' . ${inner} . ' <&3 > /dev/null 2>&1 &'); echo 'started';`,
  'waits.php':
    '<?php if (($pid = pcntl_fork()) === 0) { sleep(3); posix_kill(getmypid(), 9); } pcntl_waitpid($pid, $status); echo pcntl_wifexited($status) ? 1 : 0, " done";',
  'other.php': `<?php echo substr(shell_exec('REDIRECT_STATUS=1 SCRIPT_FILENAME=' . __DIR__ . '/slow-inner.php ' . PHP_BINARY . ' -q < /dev/null'), 0, 5);`,
  'slow-inner.php': '<?php sleep(3); echo "INNER";',
  'own.php': '<?php usleep(20000); echo getmypid(), " ", ini_get("disable_functions");',
};

/** Processes that serve the script of another one. */
function innerProcesses(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
        return /php-cgi[\d.]*$/.test(command[0]!) && command.at(-2) === `${folder}/public/inner.php` && !isGone(pid);
      } catch {
        return false; // it has ended
      }
    });
}

async function startService(t: TestContext, user: string | null, requestTimeout = '2s'): Promise<PhpService> {
  const folder = temporaryFolder(t);
  chmodSync(folder, 0o755);
  const who = user === null ? 'allowRoot = true' : `user = "${user}"`;
  const ini = `ini = { open_basedir = "${folder}/public", disable_functions = "phpinfo" }`;
  const pool = `php = "php-cgi"\n${who}\nworkers = 3\nmaxRequests = 20\nrequestTimeout = "${requestTimeout}"\n${ini}\n`;
  return PhpService.start(t, { folder, files, pool });
}

describe('a script that starts php-cgi', { skip: phpMissing }, () => {
  const users = isRoot ? [null, 'www-data'] : [null];
  for (const script of ['behind.php', 'session.php']) {
    for (const user of users) {
      const as = user === null ? '' : ` as ${user}`;
      it(`leaves no foreign worker on the site (${script}${as}): it is ended, named in the log, and answers nobody`, async (t) => {
        if (script === 'session.php' && findProgram('setsid') === null) return t.skip('setsid is not installed');
        const service = await startService(t, user);
        assert.equal(await service.text('own.php').then((text) => text.split(' ')[1]), 'phpinfo');
        const nested = service.get(script);
        assert.equal((await nested).status, 200);
        await until(() => innerProcesses(service.folder).length > 0, 'it was started');
        const foreign = innerProcesses(service.folder);
        // Processes are replaced after twenty requests, and lanes make new connections then: it takes one of these in the end.
        const isTold = (): boolean => service.log('is none of its workers: it was killed').length > 0;
        for (let round = 0; round < 150 && !isTold(); round += 1) {
          for (const answer of await Promise.all([1, 2, 3].map(() => service.text('own.php')))) {
            const [pid, functions] = answer.split(' ');
            // What a script has started has not the settings of the pool.
            assert.ok(functions === 'phpinfo' && !foreign.includes(Number(pid)), answer);
          }
        }
        const [line] = await service.logged('is none of its workers: it was killed');
        assert.ok(foreign.includes(Number(line!.pid)), line!.msg);
        const { status: stopped } = await postern(t, service.folder, ['stop']);
        assert.equal(stopped, 0);
        await service.postern.ended();
        assert.deepEqual(innerProcesses(service.folder), [], 'nothing outlives the service');
      });
    }
  }

  for (const user of users) {
    const as = user === null ? '' : ` as ${user}`;
    it(`and waits for it goes on without its output, long before its time is over: it is ended as soon as it is seen${as}`, async (t) => {
      const service = await startService(t, user, '60s');
      const nested = await Promise.all([1, 2, 3].map((count) => service.get(`nested.php?${count}`)));
      const bodies = await Promise.all(nested.map((answer) => answer.text()));
      assert.deepEqual(
        nested.map(({ status }) => status),
        [200, 200, 200],
      );
      assert.deepEqual(bodies, Array(3).fill('out: NULL\n'));
      const told = await service.logged('is none of its workers: it was killed');
      assert.ok(
        told.every(({ msg }) => /it was killed; (?:GET \/nested\.php\?[123]|a script) has started it/.test(msg)),
      );
      assert.ok(
        told.some(({ url }) => String(url).startsWith('/nested.php?')),
        'with its URL',
      );
      assert.deepEqual(innerProcesses(service.folder), []);
    });
  }

  it('that it does not wait for at its socket is left alone: a fork of its own, and php-cgi with another standard input', async (t) => {
    const service = await startService(t, null, '60s');
    const answers = await Promise.all(['waits.php', 'other.php'].map((script) => service.text(script)));
    assert.deepEqual(answers, ['0 done', 'INNER']);
    assert.deepEqual(service.log('is none of its workers: it was killed'), []);
  });

  it('and is stopped before anybody met it: what it started ends with the service, in a session of its own, too', async (t) => {
    const service = await startService(t, null);
    for (const script of ['behind.php', 'session.php']) await service.text(script);
    await until(() => innerProcesses(service.folder).length === 2, 'both were started');
    assert.equal((await postern(t, service.folder, ['stop'])).status, 0);
    await service.postern.ended();
    assert.deepEqual(innerProcesses(service.folder), []);
  });
});

const forks = {
  'fork.php':
    '<?php header("Content-Type: text/plain"); echo "before\\n"; flush(); $pid = pcntl_fork();' +
    'if ($pid === 0) { usleep(200000); exit(0); } usleep(800000); echo "after ", getmypid(), "\\n";',
  'fork2.php': '<?php echo "done\\n"; $pid = pcntl_fork(); if ($pid === 0) { sleep(1); exit(0); }',
  'post.php': '<?php usleep(50000); echo strlen(file_get_contents("php://input"));',
};

describe('a script that forks', { skip: phpMissing || findProgram('php-cgi') === null }, () => {
  it('spoils nobody’s request: GET and POST on the same process are answered whole, and the log names its URL', async (t) => {
    const pool = `${phpPool}workers = 1\n`;
    const service = await PhpService.start(t, { files: forks, pool });
    // Else another thread may have the lane, and no connection on which the fork writes.
    service.useOneConnection();
    const body = 'x'.repeat(5_000);
    for (const script of ['fork2.php?a=1', 'fork.php?a=2']) {
      assert.match(await service.text(script), /^(done|before)\n/);
      const endMs = performance.now() + 1_500;
      while (performance.now() < endMs) {
        const answer = await service.get('post.php', { method: 'POST', body });
        assert.deepEqual([answer.status, await answer.text()], [200, '5000']);
      }
    }
    const [line] = await service.logged('goes on writing for');
    assert.match(line!.msg, /GET \/fork2?\.php\?a=\d, which has ended/);
    const { counters } = await service.pool();
    assert.equal(counters.failed, 0);
  });
});

const dying = {
  'dies.php':
    '<?php exec("sleep 30 >/dev/null 2>&1 &"); if ($_GET["out"] ?? "") { echo "x"; while (ob_get_level()) ob_end_flush(); flush(); }' +
    'usleep(100000); posix_kill(getmypid(), (int) ($_GET["s"] ?? 9)); sleep(1);',
  'pid.php': '<?php echo getmypid();',
};

describe('a process that dies while what it started holds its connection', { skip: phpMissing }, () => {
  for (const [query, what] of [
    ['s=9', 'killed'],
    ['s=11', 'crashed'],
    ['s=9&out=1', 'killed in its answer'],
  ] as const) {
    it(`is seen at once: 502 or an aborted answer, not its time limit (${what})`, async (t) => {
      const service = await PhpService.start(t, { files: dying, pool: `${phpPool}workers = 2\n` });
      await service.text('pid.php');
      const beganMs = performance.now();
      const outcome = await service
        .get(`dies.php?${query}`, { method: 'POST', body: 'a=1' })
        .then(async (response) => [response.status, await response.text().catch(() => 'aborted')] as const);
      const tookMs = performance.now() - beganMs;
      t.diagnostic(`${outcome[0]} after ${Math.round(tookMs)} ms`);
      if (query.endsWith('out=1')) assert.deepEqual(outcome, [200, 'aborted']);
      else assert.equal(outcome[0], 502);
      assert.ok(tookMs < 4_000, `${tookMs} ms`);
      const [line] = await service.logged('while it ran');
      assert.ok(Number(line!.pid) > 0, 'no process 0');
      assert.equal((await service.get('pid.php')).status, 200);
    });
  }
});

describe('a worker that is stopped before a lane has probed it', { skip: phpMissing }, () => {
  it('is given up after seconds, and the request runs elsewhere; the log names a process', async (t) => {
    const pool = `${phpPool}workers = 2\nrequestTimeout = "20s"\n`;
    const service = await PhpService.start(t, { files: dying, pool });
    await until(async () => (await service.lanes('idle')).length === 2, 'two lanes are free');
    const worker = (await service.lanes('idle'))[0]!.workerPid;
    process.kill(-worker, 'SIGSTOP');
    const beganMs = performance.now();
    // The first takes the lane that was probed at the start, and waits; the second needs a connection, which is never answered.
    const first = service.get('pid.php?first', { method: 'POST', body: 'a' }).catch(() => null);
    await wait(50);
    const second = await service.get('pid.php?second', { method: 'POST', body: 'a' });
    const tookMs = performance.now() - beganMs;
    t.diagnostic(`${second.status} after ${Math.round(tookMs)} ms`);
    assert.equal(second.status, 200);
    assert.ok(tookMs > 4_000 && tookMs < 15_000, `${tookMs} ms`);
    await service.logged('takes no connections any more: it is replaced');
    assert.deepEqual(service.log('process 0'), []);
    process.kill(-worker, 'SIGCONT');
    assert.equal((await first)?.status, 200, 'what had its process is answered when that goes on');
  });
});
