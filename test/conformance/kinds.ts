// The kinds of pools, each with a program that gives the answers of `fixtures/faulty-answers.ts`: what the suites are run for. With
// POSTERN_TEST_THREADS so many front threads have a part of each, and requests go to them in turn; but for an application in this process.

import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MessageChannel } from 'node:worker_threads';
import { embed } from '../../src/app/index.ts';
import type { PoolShare } from '../../src/backend/unit.ts';
import { CgiPool } from '../../src/cgi/cgi-pool.ts';
import { systemClock } from '../../src/clock.ts';
import { PermitPool } from '../../src/leases/permit-pool.ts';
import type { PermitsShared } from '../../src/leases/permit-thread.ts';
import type { Backend } from '../../src/protocol/cgi/exchange.ts';
import type { PoolSnapshot } from '../../src/queue/pool-snapshot.ts';
import type { QueueLimits } from '../../src/queue/queue-limits.ts';
import { newServerMemory } from '../../src/upstream/server-board.ts';
import { UpstreamPool } from '../../src/upstream/upstream-pool.ts';
import type { Program } from '../../src/worker/program.ts';
import { openSpawner } from '../../src/worker/spawner.ts';
import { faultyApplication } from '../fixtures/faulty-application.ts';
import { serveFaultily } from '../fixtures/faulty-fastcgi.ts';
import { findProgram } from '../support/folder.ts';
import { testThreads } from '../support/postern-process.ts';
import { plainProgram, preforkedPhp } from '../support/programs.ts';
import { type LogRecord, RecordingLog } from '../support/recording-log.ts';
import { RunningPool } from '../support/running-pool.ts';
import { scriptedApplication } from '../support/scripted-application.ts';
import { type SharedPool, ThreadedBackend } from '../support/threaded-backend.ts';
import { upstreamOptions } from '../support/upstreams.ts';

/** A pool of some kind. */
export interface PoolOfKind {
  readonly backend: Backend;
  readonly log: RecordingLog;
  snapshot(): PoolSnapshot;
  /** Gracefully. */
  close(): Promise<void>;
}

/** Starts one; it ends with the test. @param folder where its script is, if it needs one, and the files that its answers name */
export type MakePool = (t: TestContext, folder: string, limits: QueueLimits) => Promise<PoolOfKind>;

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}.ts`, import.meta.url));
const deadlineMs = 30_000;

/** Workers that we start. */
export const managedPool: MakePool = async (t, folder, limits) => {
  const pool = managed(t, limits, [process.execPath, fixture('faulty-fastcgi'), folder]);
  await pool.start();
  return pool.inThreads();
};

/** php-cgi, which preforks: each of its children is ended alone. */
export const phpPool: MakePool = async (t, folder, limits) => {
  const pool = php(t, folder, limits, (command) => command);
  await pool.start();
  return pool.inThreads();
};

/** FastCGI servers that somebody else started: one, in this process. */
export const connectPool: MakePool = async (t, folder, limits) => {
  const { pool, serve } = await remote(t, folder, limits);
  await serve();
  return pool;
};

/** One process a request. */
export const plainCgiPool: MakePool = async (t, folder, { seats, ...limits }) => {
  const script = `#!/bin/sh\nexec '${process.execPath}' '${fixture('faulty-cgi')}' '${folder}'\n`;
  writeFileSync(join(folder, 'program.cgi'), script);
  chmodSync(join(folder, 'program.cgi'), 0o755);
  const starter = openSpawner();
  const log = new RecordingLog();
  const name = 'cgi';
  const settings = {
    limits: { ...limits, workers: seats, stopTimeoutMs: 1_000 },
    env: { PATH: '/usr/bin:/bin' },
    user: null,
  };
  const permits = new PermitPool(seats, testThreads);
  const backend = new CgiPool({ ...settings, name, starter, clock: systemClock, log, share: permits });
  t.after(async () => {
    await backend.destroy();
    permits.close();
    starter.close();
  });
  const shareOf = (shared: PermitsShared): PoolShare => ({ kind: 'cgi', name, permits: shared, settings, relay: null });
  return withPermits(t, { backend, log, permits }, shareOf);
};

/** An application inside of this process. */
export const modulePool: MakePool = async (t, folder, { seats, ...limits }) => {
  const log = new RecordingLog();
  const given = { ...limits, maxRequests: seats, graceMs: 200, stopTimeoutMs: deadlineMs };
  const backend = await embed(faultyApplication(folder), { limits: given, log });
  t.after(() => backend.destroy());
  return { backend, log, snapshot: () => backend.snapshot(), close: () => backend.close() };
};

/** A pool that cannot serve at first, and what mends that. */
export type MakeBroken = (t: TestContext, folder: string, limits: QueueLimits) => Promise<BrokenPool>;

interface BrokenPool {
  readonly pool: PoolOfKind;
  mend(): Promise<void>;
}

/** Its program ends at once. */
export const brokenManagedPool: MakeBroken = async (t, folder, limits) => {
  const mended = join(folder, 'mended');
  const run = `exec '${process.execPath}' '${fixture('faulty-fastcgi')}' '${folder}'`;
  const pool = managed(t, limits, ['/bin/sh', '-c', `[ -e '${mended}' ] || exit 1; ${run}`]);
  await pool.start().catch(() => {});
  return { pool: await pool.inThreads(), mend: async () => writeFileSync(mended, '') };
};

/** The same of php-cgi. */
export const brokenPhpPool: MakeBroken = async (t, folder, limits) => {
  const mended = join(folder, 'mended');
  const pool = php(t, folder, limits, (command) => [
    ...['/bin/sh', '-c', `[ -e '${mended}' ] || exit 1; exec "$@"`, 'sh'],
    ...command,
  ]);
  await pool.start().catch(() => {});
  return { pool: await pool.inThreads(), mend: async () => writeFileSync(mended, '') };
};

/** Its server is not there. */
export const brokenConnectPool: MakeBroken = async (t, folder, limits) => {
  const { pool, serve, watch } = await remote(t, folder, limits);
  await watch();
  return { pool, mend: serve };
};

function managed(t: TestContext, limits: QueueLimits, command: readonly string[]) {
  return running(t, limits, () => plainProgram({ command }));
}

function php(
  t: TestContext,
  folder: string,
  limits: QueueLimits,
  wrap: (command: readonly string[]) => readonly string[],
) {
  copyFileSync(fileURLToPath(new URL('../fixtures/faulty.php', import.meta.url)), join(folder, 'program.cgi'));
  return running(t, limits, (probes) => {
    const program = preforkedPhp(findProgram('php-cgi')!, probes, limits.seats);
    return { ...program, command: wrap([...program.command, '-d', 'cgi.force_redirect=0']) };
  });
}

function running(t: TestContext, { seats, ...limits }: QueueLimits, makeProgram: (folder: string) => Program) {
  const running = new RunningPool(t, makeProgram, { ...limits, workers: seats });
  const { pool, backend, log } = running;
  const one: PoolOfKind = { backend, log, snapshot: () => running.look(), close: () => pool.close(deadlineMs) };
  return {
    start: () => pool.start(),
    async inThreads(): Promise<PoolOfKind> {
      running.hasThreads = testThreads > 1;
      const made = await overThreads(t, one, pool.name, (index) => {
        const { port1, port2 } = new MessageChannel();
        pool.openThread(index, port1);
        return { share: { kind: 'workers', name: pool.name, shared: pool.shared, port: port2 }, ports: [port2] };
      });
      const threaded = made.backend;
      if (threaded instanceof ThreadedBackend)
        running.endThreads = () => threaded.loseAll((index) => pool.threadDied(index));
      return made;
    },
  };
}

async function remote(t: TestContext, folder: string, { seats, ...limits }: QueueLimits) {
  const log = new RecordingLog();
  const path = join(folder, 'server.sock');
  const name = 'remote';
  const servers = [{ address: { kind: 'unix', path } }] as const;
  const options = upstreamOptions({ name, servers, known: newServerMemory(1), maxConnections: seats, limits });
  const permits = new PermitPool(seats, testThreads);
  const backend = new UpstreamPool({ ...options, clock: systemClock, log, share: permits });
  const serve = async (): Promise<void> => {
    const server = await scriptedApplication((socket) => serveFaultily(socket, folder, () => socket.destroy()), path);
    t.after(() => server.close());
  };
  t.after(() => backend.destroy().finally(() => permits.close()));
  const shareOf = (shared: PermitsShared): PoolShare => ({ kind: 'connect', name, permits: shared, options });
  const pool = await withPermits(t, { backend, log, permits }, shareOf);
  return { pool, serve, watch: () => backend.watch() };
}

interface WithPermits {
  readonly backend: CgiPool | UpstreamPool;
  readonly log: RecordingLog;
  readonly permits: PermitPool;
}

function withPermits(
  t: TestContext,
  { backend, log, permits }: WithPermits,
  shareOf: (permits: PermitsShared) => PoolShare,
): Promise<PoolOfKind> {
  const one: PoolOfKind = {
    backend,
    log,
    snapshot: () => ({ ...backend.snapshot(), counters: permits.counters, durations: permits.durations }),
    close: () => backend.close(deadlineMs),
  };
  return overThreads(t, one, backend.name, (index) => {
    const { port1, port2 } = new MessageChannel();
    permits.open(index, port1);
    return { share: shareOf({ ...permits.shared, port: port2 }), ports: [port2] };
  });
}

/** The pool as front threads have it; with one thread as it is. */
async function overThreads(
  t: TestContext,
  one: PoolOfKind,
  name: string,
  share: SharedPool['share'],
): Promise<PoolOfKind> {
  if (testThreads === 1) return one;
  const backend = await ThreadedBackend.start(t, { name, log: one.log, share }, testThreads);
  return {
    backend,
    log: one.log,
    snapshot: () => backend.summed(one.snapshot()),
    async close() {
      await Promise.all([backend.close(deadlineMs), one.close()]);
    },
  };
}

/** What the log says of requests that were refused: one line for many, of each thread that refused some. */
export function refusals({ log }: PoolOfKind): readonly LogRecord[] {
  const lines = log.matching(/refused/);
  assert.ok(lines.length >= 1 && lines.length <= testThreads, JSON.stringify(lines));
  return lines;
}
