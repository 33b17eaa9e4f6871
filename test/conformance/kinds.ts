// The kinds of pools, each with a program that gives the answers of `fixtures/faulty-answers.ts`: what the suites are run for.

import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { embed } from '../../src/app/index.ts';
import { CgiPool } from '../../src/cgi/cgi-pool.ts';
import { systemClock } from '../../src/clock.ts';
import type { Backend } from '../../src/protocol/cgi/exchange.ts';
import type { PoolSnapshot } from '../../src/queue/pool-snapshot.ts';
import type { QueueLimits } from '../../src/queue/queue-limits.ts';
import type { Program } from '../../src/worker/program.ts';
import { openSpawner } from '../../src/worker/spawner.ts';
import { faultyApplication } from '../fixtures/faulty-application.ts';
import { serveFaultily } from '../fixtures/faulty-fastcgi.ts';
import { findProgram } from '../support/folder.ts';
import { plainProgram, preforkedPhp } from '../support/programs.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { RunningPool } from '../support/running-pool.ts';
import { scriptedApplication } from '../support/scripted-application.ts';
import { upstreamPool } from '../support/upstreams.ts';

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
  return pool;
};

/** php-cgi, which preforks: each of its children is ended alone. */
export const phpPool: MakePool = async (t, folder, limits) => {
  const pool = php(t, folder, limits, (command) => command);
  await pool.start();
  return pool;
};

/** FastCGI servers that somebody else started: one, in this process. */
export const connectPool: MakePool = async (t, folder, limits) => {
  const { pool, serve } = remote(t, folder, limits);
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
  const backend = new CgiPool({
    name: 'cgi',
    limits: { ...limits, workers: seats, stopTimeoutMs: 1_000 },
    env: { PATH: '/usr/bin:/bin' },
    user: null,
    starter,
    clock: systemClock,
    log,
  });
  t.after(async () => {
    await backend.destroy();
    starter.close();
  });
  return { backend, log, snapshot: () => backend.snapshot(), close: () => backend.close(deadlineMs) };
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
  return { pool, mend: async () => writeFileSync(mended, '') };
};

/** The same of php-cgi. */
export const brokenPhpPool: MakeBroken = async (t, folder, limits) => {
  const mended = join(folder, 'mended');
  const pool = php(t, folder, limits, (command) => [
    ...['/bin/sh', '-c', `[ -e '${mended}' ] || exit 1; exec "$@"`, 'sh'],
    ...command,
  ]);
  await pool.start().catch(() => {});
  return { pool, mend: async () => writeFileSync(mended, '') };
};

/** Its server is not there. */
export const brokenConnectPool: MakeBroken = async (t, folder, limits) => {
  const { pool, serve, watch } = remote(t, folder, limits);
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
  return {
    backend,
    log,
    snapshot: () => running.look(),
    close: () => pool.close(deadlineMs),
    start: () => pool.start(),
  };
}

function remote(t: TestContext, folder: string, { seats, ...limits }: QueueLimits) {
  const log = new RecordingLog();
  const path = join(folder, 'server.sock');
  const backend = upstreamPool({
    name: 'remote',
    servers: [{ address: { kind: 'unix', path } }],
    maxConnections: seats,
    limits,
    log,
  });
  const serve = async (): Promise<void> => {
    const server = await scriptedApplication((socket) => serveFaultily(socket, folder, () => socket.destroy()), path);
    t.after(() => server.close());
  };
  t.after(() => backend.destroy());
  const pool = { backend, log, snapshot: () => backend.snapshot(), close: () => backend.close(deadlineMs) };
  return { pool, serve, watch: () => backend.watch() };
}
