// Reload, recycle and close of PHP workers under load: not one request fails.

import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PosternError } from '../../../src/errors.ts';
import type { Program } from '../../../src/worker/program.ts';
import { findProgram } from '../../support/folder.ts';
import { defaultLimits } from '../../support/pool-limits.ts';
import { plainProgram, preforkedPhp, singlePhp } from '../../support/programs.ts';
import { RunningPool } from '../../support/running-pool.ts';

const phpCgi = findProgram('php-cgi');
const skip = phpCgi === null ? 'php-cgi is not installed' : false;

const kinds: readonly { readonly name: string; readonly make: (folder: string, workers: number) => Program }[] = [
  { name: 'preforked PHP', make: (folder, workers) => preforkedPhp(phpCgi!, folder, workers) },
  { name: 'one PHP a worker', make: () => singlePhp(phpCgi!) },
];

const withIni = (program: Program, setting: string): Program => ({
  ...program,
  command: [...program.command, '-d', setting],
});

/** Sends requests from several clients until told to stop. @returns what failed, and what was answered */
function load(running: RunningPool, script: string, clients: number) {
  let isOver = false;
  const failures: string[] = [];
  const bodies = new Map<string, number>();
  const client = async (): Promise<void> => {
    while (!isOver) {
      const { error, body } = await running.run(script, { idempotent: false });
      if (error) failures.push(`${error.code} ${error.message}`);
      // The pool ends with its test: going on would keep the event loop from everything else.
      if (error?.code === 'POOL_CLOSING') return;
      if (!error) bodies.set(body, (bodies.get(body) ?? 0) + 1);
    }
  };
  const clientsDone = Promise.all(Array.from({ length: clients }, client));
  return {
    failures,
    bodies,
    async stop(): Promise<void> {
      isOver = true;
      await clientsDone;
    },
  };
}

for (const { name, make } of kinds) {
  test(`${name}: a reload under load loses no request, and the new configuration is in force`, { skip }, async (t) => {
    const running = new RunningPool(t, (folder) => withIni(make(folder, 3), 'user_agent=v0'), { workers: 3 });
    await running.pool.start();
    const script = running.script('agent.php', '<?php usleep(2000); echo ini_get("user_agent");');
    const traffic = load(running, script, 6);
    for (let version = 1; version <= 5; version += 1) {
      await sleep(150);
      const program = withIni(make(running.folder, 3), `user_agent=v${version}`);
      await running.pool.reload(program, { ...defaultLimits, workers: 3 });
      running.look();
      assert.equal((await running.run(script)).body, `v${version}`);
    }
    await traffic.stop();
    assert.deepEqual(traffic.failures, []);
    assert.match(running.look().lastReload ?? '', /^generation 6 took over after \d+ ms$/);
    await running.until('the old generations are gone', () =>
      running.look().lanes.every(({ generation }) => generation === 6),
    );
  });

  test(`${name}: recycling after each few requests under load loses none`, { skip }, async (t) => {
    const running = new RunningPool(t, (folder) => make(folder, 2), { workers: 2, maxRequests: 5 });
    await running.pool.start();
    const script = running.script('pid.php', '<?php usleep(1000); echo getmypid();');
    const traffic = load(running, script, 4);
    await running.until('some were recycled', () => running.look().ended['max-requests'] >= 6);
    await traffic.stop();
    assert.deepEqual(traffic.failures, []);
    const counts = [...traffic.bodies.values()];
    assert.ok(Math.max(...counts) <= 5, `a process served ${Math.max(...counts)} requests`);
    assert.ok(counts.length >= 6);
  });

  test(`${name}: close finishes what runs and what waits, and then leaves nothing`, { skip }, async (t) => {
    const running = new RunningPool(t, (folder) => make(folder, 1), { workers: 1 });
    await running.pool.start();
    const script = running.script('sleep.php', '<?php usleep(200000); echo "done";');
    const answers = [1, 2, 3].map(() => running.run(script));
    const closed = running.pool.close();
    running.look();
    const late = await running.run(script);
    assert.equal(late.error?.code, 'POOL_CLOSING');
    assert.deepEqual(
      (await Promise.all(answers)).map(({ body }) => body),
      ['done', 'done', 'done'],
    );
    await closed;
    assert.deepEqual(running.look().lanes, []);
  });

  test(`${name}: close ends at its deadline what still runs`, { skip }, async (t) => {
    const running = new RunningPool(t, (folder) => make(folder, 2), { workers: 2 });
    await running.pool.start();
    const answer = running.run(running.script('sleep.php', '<?php sleep(60);'), { idempotent: false });
    await running.until('it runs', () => running.lanes('busy').length === 1);
    await running.pool.close(200);
    assert.equal((await answer).error?.code, 'POOL_CLOSING');
    assert.equal(running.log.matching(/is killed with SIGKILL while it runs .* \(shutdown: /).length, 1);
  });
}

test('a reload whose program does not start keeps the old one, and says why', { skip }, async (t) => {
  const running = new RunningPool(t, (folder) => preforkedPhp(phpCgi!, folder, 2), { workers: 2 });
  await running.pool.start();
  const script = running.script('pid.php', '<?php usleep(1000); echo getmypid();');
  const traffic = load(running, script, 2);
  const broken = plainProgram({ name: 'php', command: ['/bin/sh', '-c', 'echo no such extension >&2; exit 78'] });
  await assert.rejects(running.pool.reload(broken, { ...defaultLimits, workers: 2 }), (error: unknown) => {
    assert.ok(error instanceof PosternError);
    assert.equal(error.code, 'LAUNCH_FAILED');
    assert.match(
      error.message,
      /^\/bin\/sh ended at its start \(exit 78: no such extension\): the new workers did not start, the old ones go on$/,
    );
    return true;
  });
  const missing = plainProgram({ name: 'php', command: ['/nowhere/php-cgi'] });
  await assert.rejects(
    running.pool.reload(missing, { ...defaultLimits, workers: 2 }),
    /\/nowhere\/php-cgi does not exist/,
  );
  await traffic.stop();
  assert.deepEqual(traffic.failures, []);
  assert.match(running.look().lastReload ?? '', /^failed: \/nowhere\/php-cgi does not exist/);
});

test('idle children above the minimum are ended, and their memory comes back', { skip }, async (t) => {
  const running = new RunningPool(t, (folder) => preforkedPhp(phpCgi!, folder, 3), {
    workers: 3,
    minWorkers: 1,
    idleTimeoutMs: 500,
  });
  await running.pool.start();
  const script = running.script('sleep.php', '<?php usleep(100000); echo getmypid();');
  await Promise.all([1, 2, 3].map(() => running.run(script)));
  await running.until('two were ended', () => running.look().ended.idle === 2);
  await running.until('all are free again', () => running.lanes('idle').length === 3);
  assert.equal((await running.run(script)).error, null);
});

test('a child whose memory has grown is recycled when it is idle', { skip }, async (t) => {
  const running = new RunningPool(t, (folder) => withIni(preforkedPhp(phpCgi!, folder, 1), 'memory_limit=512M'), {
    workers: 1,
    maxMemoryBytes: 1,
  });
  await running.pool.start();
  const script = running.script('pid.php', '<?php echo getmypid();');
  const first = await running.run(script);
  await running.until('it was recycled', () => running.look().ended['max-memory'] >= 1);
  await running.until('the lane is free', () => running.lanes('idle').length === 1);
  assert.notEqual((await running.run(script)).body, first.body);
});
