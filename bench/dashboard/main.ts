// The dashboard under load, kills and reloads (`npm run bench:dashboard [-- --seconds 600]`): what it costs the service while somebody looks, whether page or
// service grow, whether sampling stops when nobody looks. The cost is that of many short phases, open and closed side by side: requests a second, and
// the processor time of the service for a request, which a busy machine falsifies less. Exit status 1: it costs more than 2 %, something grows, or
// sampling goes on; 2: none of these, but the phases differ too much to be sure of the 2 %.

import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { ServiceStatus } from '../../src/admin/source.ts';
import { startBrowser } from '../../test/support/browser.ts';
import { asOneself } from '../../test/support/postern-process.ts';
import {
  isOpenPhase,
  judge,
  microsPerRequest,
  type Pair,
  type Phase,
  requestsPerSecond,
  type Spread,
  spreadOf,
  type Verdict,
} from './paired-phases.ts';

const { values } = parseArgs({
  options: {
    /** Of the part with the browser. */
    seconds: { type: 'string', default: '180' },
    /** Of one phase of the part that counts the cost, and how many pairs of them there are at each load. */
    phase: { type: 'string', default: '2' },
    pairs: { type: 'string', default: '24' },
    connections: { type: 'string', default: '8' },
  },
});
const seconds = Number(values.seconds);
const phaseMs = Number(values.phase) * 1_000;

/** What of throughput, and of one processor, looking may cost; and what may be more at the end than it was after a quarter of the time. */
const mostShare = 0.02;
const mostGrowth = 1.5;

const entry = new URL('../../bin/postern.js', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'postern-bench-dashboard-'));
const service = startService();
const exits: (() => unknown)[] = [() => service.kill('SIGTERM')];
const marks: Readonly<Record<Verdict, string>> = { kept: 'ok    ', broken: 'FAIL  ', unsure: 'unsure' };
let failures = 0;
let unsure = 0;

try {
  const { site, admin } = await addresses();
  await costAtFullLoad(site, admin);
  await costAtSteadyLoad(site, admin);
  await watchLeaks(site, admin);
} finally {
  for (const exit of exits.toReversed()) await exit();
  await Promise.race([service.exitCode ?? once(service, 'exit'), wait(20_000)]);
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failures > 0 ? 1 : unsure > 0 ? 2 : 0;

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

interface Load {
  /** How many requests were answered, and when that was. */
  count(): Promise<{ readonly answered: number; readonly atMs: number }>;
  stop(): void;
}

/** A load in a process of its own. */
function startLoad(url: string, pauseMs: number, connections: number): Load {
  const child = fork(new URL('dashboard-load.ts', import.meta.url), [url, String(pauseMs), String(connections)]);
  const stop = (): void => void child.kill();
  exits.push(stop);
  return {
    count: async () => {
      const told = once(child, 'message');
      child.send('count');
      return (await told)[0];
    },
    stop,
  };
}

/** Reads the events as a page does. @returns what ends it */
function look(admin: string): () => void {
  const request = get(`${admin}events`, (answer) => answer.resume());
  request.on('error', () => {});
  return () => request.destroy();
}

/** As many requests as the service answers: what they take more while somebody looks. */
async function costAtFullLoad(site: string, admin: string): Promise<void> {
  const pairs = await measurePairs(site, admin, 0);
  const rates = spreadOf(pairs.map(({ open, closed }) => requestsPerSecond(open) / requestsPerSecond(closed)));
  const costs = spreadOf(pairs.map(({ open, closed }) => microsPerRequest(open) / microsPerRequest(closed)));
  const rate = spreadOf(pairs.map(({ closed }) => requestsPerSecond(closed)));
  const micros = spreadOf(pairs.map(({ closed }) => microsPerRequest(closed)));
  process.stdout.write(
    `${pairs.length} pairs at full load; closed: ${shownSpread(rate, 0)} requests/s, ${shownSpread(micros, 1)} us of the service's processor time a request\n`,
  );
  tell(`requests/s, open to closed: ${shownSpread(rates, 3)}`, judge(lost(rates), mostShare));
  tell(`processor time a request, open to closed: ${shownSpread(costs, 3)}`, judge(costs, 1 + mostShare));
}

/** A load that is the same in both: what the service uses more while somebody looks. */
async function costAtSteadyLoad(site: string, admin: string): Promise<void> {
  const pairs = await measurePairs(site, admin, 20);
  const share = ({ processorMs, ms }: Phase): number => processorMs / ms;
  const shares = spreadOf(pairs.map(({ open, closed }) => share(open) - share(closed)));
  const rate = spreadOf(pairs.map(({ open }) => requestsPerSecond(open)));
  process.stdout.write(`${pairs.length} pairs at a steady load of ${shownSpread(rate, 0)} requests/s\n`);
  tell(`of one processor, looking takes ${shownSpread(shares, 4)}`, judge(shares, mostShare));
}

/** Phases with a viewer and without, so that what else the machine does falls on both. */
async function measurePairs(site: string, admin: string, pauseMs: number): Promise<readonly Pair[]> {
  const load = startLoad(`${site}index.php`, pauseMs, Number(values.connections));
  await wait(3_000);
  const phases: Phase[] = [];
  for (let phase = 0; phase < 2 * Number(values.pairs); phase += 1) {
    const close = isOpenPhase(phase) ? look(admin) : () => {};
    // What opening and closing cost is in neither.
    await wait(500);
    const [before, usedMs] = [await load.count(), finelyUsedMs(service.pid!)];
    await wait(phaseMs);
    const [after, processorMs] = [await load.count(), finelyUsedMs(service.pid!) - usedMs];
    phases.push({ requests: after.answered - before.answered, ms: after.atMs - before.atMs, processorMs });
    close();
  }
  load.stop();
  return Array.from({ length: phases.length / 2 }, (_, index): Pair => {
    const both = [phases[2 * index]!, phases[2 * index + 1]!] as const;
    const [open, closed] = isOpenPhase(2 * index) ? both : [both[1], both[0]];
    return { open, closed };
  });
}

/** A ratio of throughput as what is lost of it. */
function lost({ median, quartiles, surely }: Spread): Spread {
  return {
    median: 1 - median,
    quartiles: [1 - quartiles[1], 1 - quartiles[0]],
    surely: [1 - surely[1], 1 - surely[0]],
  };
}

function shownSpread({ median, quartiles, surely }: Spread, digits: number): string {
  const range = (both: readonly [number, number]): string => both.map((one) => one.toFixed(digits)).join(' to ');
  return `${median.toFixed(digits)} (half of them ${range(quartiles)}; the median, by 95 %, ${range(surely)})`;
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
  tell(line, isGood ? 'kept' : 'broken');
}

function tell(line: string, verdict: Verdict): void {
  if (verdict === 'broken') failures += 1;
  if (verdict === 'unsure') unsure += 1;
  process.stdout.write(`${marks[verdict]} ${line}\n`);
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

/** The same in nanoseconds' steps: what the scheduler has given its threads. */
function finelyUsedMs(pid: number): number {
  const ofThread = (thread: string): number =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + ofThread(thread), 0) / 1e6;
}
