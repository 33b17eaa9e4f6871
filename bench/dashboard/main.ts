// The dashboard under load, kills and reloads (`npm run bench:dashboard [-- --seconds 600 --crossings 60]`): what it costs the service while somebody looks,
// whether page or service grow, whether sampling stops when nobody looks. What looking costs is told by twins: two services that run at the same time
// with the same load, each on a processor of its own, of which one is looked at, then the other. So whatever else the machine does falls on both. Exit status 1: it costs more than
// 2 %, something grows, or sampling goes on; 2: none of these, but the phases differ too much to be sure of the 2 %.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startBrowser } from '../../test/support/browser.ts';
import {
  type Crossing,
  crossed,
  judge,
  lookedAt,
  microsPerRequest,
  type Phase,
  requestsPerSecond,
  type Spread,
  spreadOf,
  type Verdict,
} from './crossed-phases.ts';
import { usableProcessors } from './processors.ts';
import { WatchedService } from './watched-service.ts';

const { values } = parseArgs({
  options: {
    /** Of the part with the browser; 0: it is left out. */
    seconds: { type: 'string', default: '180' },
    /** Of one phase of the part that counts the cost, and how many times both twins are looked at, at each load; 0: it is left out. */
    phase: { type: 'string', default: '2' },
    crossings: { type: 'string', default: '24' },
    /** Of each twin. */
    connections: { type: 'string', default: '4' },
  },
});
const seconds = Number(values.seconds);
const crossings = Number(values.crossings);
const phaseMs = Number(values.phase) * 1_000;

/** What of throughput, and of one processor, looking may cost; and what may be more at the end than it was after a quarter of the time. */
const mostShare = 0.02;
const mostGrowth = 1.5;

const exits: (() => unknown)[] = [];
const marks: Readonly<Record<Verdict, string>> = { kept: 'ok    ', broken: 'FAIL  ', unsure: 'unsure' };
let failures = 0;
let unsure = 0;

try {
  if (crossings > 0) {
    const twins = [await started(pinned(0)), await started(pinned(1))] as const;
    await costAtFullLoad(twins);
    await costAtSteadyLoad(twins);
    for (const twin of twins) await twin.stop();
  }
  if (seconds > 0) await watchLeaks(await started());
} finally {
  for (const exit of exits.toReversed()) await exit();
}
process.exitCode = failures > 0 ? 1 : unsure > 0 ? 2 : 0;

async function started(by: readonly string[] = []): Promise<WatchedService> {
  const service = await WatchedService.start(by);
  exits.push(() => service.stop());
  return service;
}

/** A processor of its own for each twin with its load, where there are so many: they do not push each other about then. */
function pinned(twin: number): readonly string[] {
  const processors = usableProcessors();
  const canPin = processors.length > 1 && spawnSync('taskset', ['--version']).status === 0;
  return canPin ? ['taskset', '--cpu-list', String(processors[twin])] : [];
}

type Twins = readonly [WatchedService, WatchedService];

interface Load {
  /** How many requests were answered, and when that was. */
  count(): Promise<{ readonly answered: number; readonly atMs: number }>;
  stop(): void;
}

/** A load in a process of its own. */
function startLoad(url: string, pauseMs: number, connections: number, by: readonly string[] = []): Load {
  const load = new URL('dashboard-load.ts', import.meta.url).pathname;
  const [program, ...rest] = [...by, process.execPath, load, url, String(pauseMs), String(connections)];
  const child = spawn(program!, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
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
async function costAtFullLoad(twins: Twins): Promise<void> {
  const measured = await measureCrossings(twins, 0);
  const closed = measured.flatMap((crossing) => crossing.map((phase) => phase.closed));
  const rates = spreadOf(measured.map((crossing) => crossed(requestsPerSecond, crossing)));
  const costs = spreadOf(measured.map((crossing) => crossed(microsPerRequest, crossing)));
  const [rate, micros] = [spreadOf(closed.map(requestsPerSecond)), spreadOf(closed.map(microsPerRequest))];
  process.stdout.write(
    `${measured.length} crossings at full load; a twin at which nobody looks: ${shownSpread(rate, 0)} requests/s, ${shownSpread(micros, 1)} us of its processor time a request\n`,
  );
  tell(`requests/s, looked at to not: ${shownSpread(rates, 3)}`, judge(lost(rates), mostShare));
  tell(`processor time a request, looked at to not: ${shownSpread(costs, 3)}`, judge(costs, 1 + mostShare));
}

/** A load that is the same in both: what the service uses more while somebody looks. */
async function costAtSteadyLoad(twins: Twins): Promise<void> {
  const measured = await measureCrossings(twins, 20);
  const share = ({ processorMs, ms }: Phase): number => processorMs / ms;
  const more = ([one, other]: Crossing): number =>
    (share(one.open) - share(one.closed) + share(other.open) - share(other.closed)) / 2;
  const rate = spreadOf(measured.flatMap((crossing) => crossing.map(({ open }) => requestsPerSecond(open))));
  const shares = spreadOf(measured.map(more));
  process.stdout.write(`${measured.length} crossings at a steady load of ${shownSpread(rate, 0)} requests/s each\n`);
  tell(`of one processor, looking takes ${shownSpread(shares, 4)}`, judge(shares, mostShare));
}

/** Phases in which one twin is looked at, then the other, both under the same load all the time. */
async function measureCrossings(twins: Twins, pauseMs: number): Promise<readonly Crossing[]> {
  const loads = twins.map(({ site }, twin) =>
    startLoad(`${site}index.php`, pauseMs, Number(values.connections), pinned(twin)),
  );
  await wait(3_000);
  const phases: Crossing[number][] = [];
  for (let number = 0; number < 2 * crossings; number += 1) {
    const looked = lookedAt(number);
    const close = look(twins[looked].admin);
    // What opening costs is not in it.
    await wait(500);
    const before = await Promise.all(twins.map((twin, index) => reading(twin, loads[index]!)));
    await wait(phaseMs);
    const after = await Promise.all(twins.map((twin, index) => reading(twin, loads[index]!)));
    close();
    const [first, second] = [0, 1].map((index) => between(before[index]!, after[index]!)) as [Phase, Phase];
    phases.push(looked === 0 ? { open: first, closed: second } : { open: second, closed: first });
  }
  for (const load of loads) load.stop();
  return Array.from({ length: crossings }, (_, index): Crossing => [phases[2 * index]!, phases[2 * index + 1]!]);
}

interface Reading {
  readonly answered: number;
  readonly atMs: number;
  readonly usedMs: number;
}

async function reading(twin: WatchedService, load: Load): Promise<Reading> {
  const { answered, atMs } = await load.count();
  return { answered, atMs, usedMs: twin.usedProcessorMs() };
}

function between(before: Reading, after: Reading): Phase {
  return {
    requests: after.answered - before.answered,
    ms: after.atMs - before.atMs,
    processorMs: after.usedMs - before.usedMs,
  };
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
async function watchLeaks(service: WatchedService): Promise<void> {
  const { site, admin } = service;
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
    const status = await service.status();
    const victim = status.pools[0]!.lanes.find(({ pid, workerPid }) => pid > 0 && pid !== workerPid);
    if (victim !== undefined) process.kill(victim.pid, 'SIGKILL');
    if (round % 3 === 2) void service.command('reload', '--all');
    await session.send('HeapProfiler.collectGarbage');
    const heap = await session.send('Runtime.getHeapUsage');
    const { nodes } = await session.send('Memory.getDOMCounters');
    sizes.push({ page: heap.usedSize, nodes, service: service.residentBytes() });
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
  const before = service.usedProcessorMs();
  await wait(5_000);
  const idle = service.usedProcessorMs() - before;
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
