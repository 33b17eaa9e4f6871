// The dashboard under load, kills and reloads (`npm run bench:dashboard [-- --seconds 600]`): how much throughput it costs the service, by turns open and
// closed in one run, by the clock, and by the processor time that looking costs at a steady load, which a busy machine falsifies less; whether page or service grow while a browser looks; whether sampling stops when nobody does. Exit status 1: it costs more than
// 2 % of a processor, something grows, or it goes on.

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { ServiceStatus } from '../../src/admin/source.ts';
import { startBrowser } from '../../test/support/browser.ts';
import { asOneself } from '../../test/support/postern-process.ts';

const { values } = parseArgs({
  options: {
    /** Of the part with the browser. */
    seconds: { type: 'string', default: '180' },
    /** Of one turn of the part that counts throughput, and how many turns. */
    turn: { type: 'string', default: '2' },
    turns: { type: 'string', default: '24' },
    connections: { type: 'string', default: '8' },
  },
});
const seconds = Number(values.seconds);
const turnSeconds = Number(values.turn);

/** The share of one processor that looking may cost, and what may be more at the end than it was after a quarter of the time. */
const mostShare = 0.02;
const mostGrowth = 1.5;

const entry = new URL('../../bin/postern.js', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'postern-bench-dashboard-'));
const service = startService();
const exits: (() => unknown)[] = [() => service.kill('SIGTERM')];
let failures = 0;

try {
  const { site, admin } = await addresses();
  await countThroughput(site, admin, 0);
  await countThroughput(site, admin, 20);
  await watchLeaks(site, admin);
} finally {
  for (const exit of exits.toReversed()) await exit();
  await Promise.race([service.exitCode ?? once(service, 'exit'), wait(20_000)]);
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failures === 0 ? 0 : 1;

function startService(): ChildProcess {
  mkdirSync(join(folder, 'public'));
  writeFileSync(join(folder, 'public/index.php'), '<?php echo "hello";');
  writeFileSync(join(folder, 'public/slow.php'), '<?php usleep(random_int(1, 400) * 1000); echo "slow";');
  writeFileSync(
    join(folder, 'postern.toml'),
    `[admin]\nlisten = "127.0.0.1:0"\n[log]\naccess = false\nfile = "log"\n[site.main]\nlisten = ["127.0.0.1:0"]\nroot = "public"\n` +
      `index = ["index.php"]\n[[site.main.route]]\nmatch = "*.php"\npool = "php"\n[pool.php]\nphp = "auto"\nallowRoot = true\nworkers = 16\n`,
  );
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, POSTERN_RUNTIME_DIR: folder };
  // One process, whose memory and processor time are looked at: no launcher beside it.
  const args = ['run', '-c', join(folder, 'postern.toml')];
  return spawn(process.execPath, [entry, ...args, ...asOneself(args)], { env, stdio: 'ignore' });
}

/** Where it listens, once it does. */
async function addresses(): Promise<{ site: string; admin: string }> {
  for (let tries = 0; tries < 300; tries += 1) {
    const status = await askStatus().catch(() => null);
    const url = status?.listeners[0]?.url;
    if (status?.state === 'running' && status.admin !== null && url != null) return { site: url, admin: status.admin };
    await wait(100);
  }
  throw new Error(`the service did not start: ${readFileSync(join(folder, 'log'), 'utf8')}`);
}

async function askStatus(): Promise<ServiceStatus> {
  return JSON.parse(await command('status', '--json')) as ServiceStatus;
}

/** Asks the service through the command, as a user would. @returns what it prints */
async function command(...args: readonly string[]): Promise<string> {
  const asking = spawn(process.execPath, [entry, ...args], {
    env: { PATH: process.env.PATH, POSTERN_RUNTIME_DIR: folder },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let text = '';
  asking.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  await once(asking, 'close');
  return text;
}

/** A load in a process of its own. @returns how many requests it has made so far */
function startLoad(url: string, pauseMs: number, connections: number): { count: () => number; stop: () => void } {
  const child = fork(new URL('dashboard-load.ts', import.meta.url), [url, String(pauseMs), String(connections)]);
  let count = 0;
  child.on('message', (total: number) => {
    count = total;
  });
  const stop = (): void => void child.kill();
  exits.push(stop);
  return { count: () => count, stop };
}

/** Reads the events as a page does. @returns what ends it */
function look(admin: string): () => void {
  const request = get(`${admin}events`, (answer) => answer.resume());
  request.on('error', () => {});
  return () => request.destroy();
}

/** By turns with a viewer and without, so that what else the machine does falls on both. */
async function countThroughput(site: string, admin: string, pauseMs: number): Promise<void> {
  const load = startLoad(`${site}index.php`, pauseMs, Number(values.connections));
  await wait(3_000);
  const seen = { open: { requests: 0, ms: 0, processorMs: 0 }, closed: { requests: 0, ms: 0, processorMs: 0 } };
  const rates = { open: [] as number[], closed: [] as number[] };
  for (let turn = 0; turn < Number(values.turns); turn += 1) {
    // open, closed, closed, open: a drift falls on both alike.
    const state = turn % 4 === 0 || turn % 4 === 3 ? 'open' : 'closed';
    const close = state === 'open' ? look(admin) : () => {};
    await wait(500);
    const [before, beganMs, usedMs] = [load.count(), performance.now(), usedProcessorMs(service.pid!)];
    await wait(turnSeconds * 1_000);
    const [requests, ms] = [load.count() - before, performance.now() - beganMs];
    rates[state].push(requests / ms);
    seen[state].requests += requests;
    seen[state].ms += ms;
    seen[state].processorMs += usedProcessorMs(service.pid!) - usedMs;
    close();
  }
  load.stop();
  const { open, closed } = seen;
  const [openRate, closedRate] = [open, closed].map(({ requests, ms }) => (requests * 1_000) / ms) as [number, number];
  if (pauseMs === 0) {
    // Each turn beside the one next to it: what else the machine does is about the same in both.
    const ratios = rates.open.map((rate, index) => rate / rates.closed[index]!).sort((a, b) => a - b);
    const ratio = ratios[Math.floor(ratios.length / 2)]!.toFixed(3);
    process.stdout.write(
      `throughput: ${closedRate.toFixed(0)}/s closed, ${openRate.toFixed(0)}/s open; the median of ${ratios.length} ratios is ${ratio}\n`,
    );
    return;
  }
  // At a steady load, what is used more while somebody looks is what looking costs.
  const share = open.processorMs / open.ms - closed.processorMs / closed.ms;
  say(
    `looking costs ${(share * 100).toFixed(2)} % of one processor, at ${openRate.toFixed(0)} requests a second`,
    share <= mostShare,
  );
}

/** A browser looks while requests run, processes are killed and pools reloaded. */
async function watchLeaks(site: string, admin: string): Promise<void> {
  const loads = [startLoad(`${site}index.php`, 5, 2), startLoad(`${site}slow.php?a=b`, 20, 6)];
  const browser = await startBrowser();
  exits.push(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(admin);
  const session = await page.context().newCDPSession(page);
  const sizes: { readonly page: number; readonly nodes: number; readonly service: number }[] = [];
  const untilMs = performance.now() + seconds * 1_000;
  for (let round = 0; performance.now() < untilMs; round += 1) {
    await wait(Math.min(10_000, untilMs - performance.now()));
    const status = await askStatus();
    const victim = status.pools[0]!.lanes.find(({ pid, workerPid }) => pid > 0 && pid !== workerPid);
    if (victim !== undefined) process.kill(victim.pid, 'SIGKILL');
    if (round % 3 === 2) void command('reload', '--all');
    await session.send('HeapProfiler.collectGarbage');
    const heap = await session.send('Runtime.getHeapUsage');
    const { nodes } = await session.send('Memory.getDOMCounters');
    sizes.push({ page: heap.usedSize, nodes, service: residentBytes(service.pid!) });
    const megabytes = (bytes: number): string => (bytes / 1_048_576).toFixed(1);
    const last = sizes.at(-1)!;
    process.stdout.write(
      `${Math.round((round + 1) * 10)} s: page ${megabytes(last.page)} MB, ${last.nodes} nodes; service ${megabytes(last.service)} MB; generation ${status.pools[0]!.generation}, ${status.pools[0]!.spawned} processes\n`,
    );
  }
  for (const load of loads) load.stop();
  const later = sizes.slice(Math.floor(sizes.length / 4));
  for (const what of ['page', 'nodes', 'service'] as const) {
    const half = Math.max(1, Math.floor(later.length / 2));
    const mean = (all: typeof later): number => all.reduce((sum, one) => sum + one[what], 0) / all.length;
    const growth = mean(later.slice(-half)) / mean(later.slice(0, half));
    say(`growth of ${what}: ${growth.toFixed(3)} from the second quarter to the last`, growth <= mostGrowth);
  }
  say(`complaints of the page: ${complaints.length} ${complaints[0] ?? ''}`, complaints.length === 0);
  await page.close();
  await wait(3_000);
  const before = usedProcessorMs(service.pid!);
  await wait(5_000);
  const idle = usedProcessorMs(service.pid!) - before;
  say(`processor of the service with nobody looking and no request: ${idle.toFixed(0)} ms in 5 s`, idle < 250);
}

function say(line: string, isGood: boolean): void {
  if (!isGood) failures += 1;
  process.stdout.write(`${isGood ? 'ok  ' : 'FAIL'} ${line}\n`);
}

/** proc(5): statm has pages. */
function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4_096;
}

/** Processor time that a process has used: fields 14 and 15 of proc(5)'s stat, in hundredths of a second. */
function usedProcessorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
