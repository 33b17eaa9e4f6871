// `npm run bench -- cores`: one checkout with 1, 2 and 4 front threads under the same load, in turns: processor time a request, user and system apart,
// memory, the time to the first answer, and how an uneven load is served; and what a second processor costs those who share nothing (`controls.ts`). Access
// logs are on. Only the ratios say something on a machine that is busy.

import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { loadavg } from 'node:os';
import { percentile } from '../macro/crowd.ts';
import { median } from '../macro/metric.ts';
import { nginx } from '../macro/peers/nginx.ts';
import type { Processes } from '../macro/processes.ts';
import { missingOf } from '../macro/program.ts';
import type { Workspace } from '../macro/workspace.ts';
import { type Asked, type Contender, type Cost, costOf, startContender, type TurnLoad } from './contender.ts';
import { type Loaded, startNginx, together } from './controls.ts';

/** What it works with. */
export interface CoresParts {
  /** Cases; none: all of them. */
  readonly names: readonly string[];
  readonly rounds: number;
  readonly seconds: number;
  readonly workspace: Workspace;
  readonly processes: Processes;
  readonly signal: AbortSignal;
}

const closing = ['Connection: close'];
/** What is asked for, by name. */
export const coreCases: Readonly<Record<string, Asked>> = {
  hello: { path: '/hello.php' },
  'fastcgi-null': { path: '/null' },
  'static-1k': { path: '/1k.txt' },
  'hello-closing': { path: '/hello.php', fields: closing },
  'fastcgi-null-closing': { path: '/null', fields: closing },
  'static-1k-closing': { path: '/1k.txt', fields: closing },
};
const counts = [1, 2, 4];
const connections = 8;
/** Requests of each kind in each thread before the first that counts. */
const warmRequests = 25_000;
const longestWarmSeconds = 60;
/** Of the uneven load: all on one thread, and as many lanes. */
const clients = 64;
const lanes = 6;

interface Numbered extends Contender {
  readonly threads: number;
  readonly firstAnswerMs: number;
}

/** One of those that are loaded in turns. */
interface Side {
  readonly title: string;
  /** What its ratio is to. */
  readonly base: string;
  readonly load: Loaded;
  /** V8 compiles what each thread runs, for each by itself. */
  readonly warmRequests: number;
}

/** Runs it to its end, and prints what it saw. */
export async function compareCores(parts: CoresParts): Promise<void> {
  const say = (line: string): boolean => process.stdout.write(`${line}\n`);
  const folder = new URL('../..', import.meta.url).pathname;
  const all: Numbered[] = [];
  const started = { folder, connections: clients, ...parts };
  for (const threads of counts) {
    const began = performance.now();
    const one = await startContender({ ...started, name: `threads-${threads}`, threads, workers: lanes });
    all.push({ ...one, threads, firstAnswerMs: performance.now() - began });
  }
  const half = (name: string): Promise<Contender> =>
    startContender({ ...started, name, threads: 1, workers: lanes / 2 });
  const sides: readonly Side[] = [
    ...all.map((one) => ({
      title: titleOf(one.threads),
      base: titleOf(1),
      load: (asked: Asked, load: TurnLoad) => costOf(one, asked, load),
      warmRequests: warmRequests * one.threads,
    })),
    {
      title: 'two services',
      base: titleOf(1),
      load: together([await half('half-1'), await half('half-2')]),
      warmRequests: 2 * warmRequests,
    },
    ...(await nginxSides({ ...started, workers: lanes })),
  ];
  say(
    `load before: ${loadavg()
      .map((load) => load.toFixed(1))
      .join(' ')}`,
  );
  for (const { threads, pid, firstAnswerMs } of all)
    say(`${threads} threads: ${memoryOf(pid)} when started; first answer seen after ${firstAnswerMs.toFixed(0)} ms`);
  say('');
  say('us a request                               user  system     all  ratio   requests/s');
  const names = parts.names.length === 0 ? Object.keys(coreCases) : parts.names;
  for (const name of names) {
    const asked = coreCases[name]!;
    for (const side of sides) await warm(side, asked, parts);
    const { seconds, signal } = parts;
    const costs = await inTurns(sides, parts.rounds, (side) => side.load(asked, { connections, seconds, signal }));
    const sum = (side: Side): number => median(costs.get(side)!.map(({ user, system }) => user + system));
    for (const side of sides) {
      const of = (kind: keyof Cost): number => median(costs.get(side)!.map((each) => each[kind]));
      const columns = [of('user'), of('system'), sum(side)].map((value) => value.toFixed(1).padStart(7));
      const base = sides.find(({ title }) => title === side.base)!;
      const ratio = (sum(side) / sum(base)).toFixed(2).padStart(6);
      const perS = (of('requests') / seconds).toFixed(0).padStart(12);
      say(`${name.padEnd(22)} ${side.title.padEnd(17)} ${columns.join(' ')} ${ratio} ${perS}`);
    }
  }
  for (const { threads, pid } of all) say(`${threads} threads: ${memoryOf(pid)} after the loads`);
  say('');
  say(`${clients} clients on one thread, ${lanes} lanes: 50 and 99 of a hundred, ms`);
  const waits = await inTurns(all, parts.rounds, (one) => uneven(one, parts));
  const p99 = (one: Numbered): number => median(waits.get(one)!.map((times) => percentile(times, 0.99)));
  for (const one of all) {
    const p50 = median(waits.get(one)!.map((times) => percentile(times, 0.5)));
    const ratio = (p99(one) / p99(all[0]!)).toFixed(2);
    say(`${one.threads} threads: ${p50.toFixed(1)} ${p99(one).toFixed(1)}, ratio of the latter ${ratio}`);
  }
  say(
    `load after: ${loadavg()
      .map((load) => load.toFixed(1))
      .join(' ')}`,
  );
}

/** What each gave, round by round; which comes first changes. */
async function inTurns<One, Result>(
  all: readonly One[],
  rounds: number,
  run: (one: One) => Promise<Result>,
): Promise<ReadonlyMap<One, Result[]>> {
  const results = new Map(all.map((one) => [one, [] as Result[]]));
  for (let round = 0; round < rounds; round += 1) {
    for (let at = 0; at < all.length; at += 1) {
      const one = all[(at + round) % all.length]!;
      results.get(one)!.push(await run(one));
    }
  }
  return results;
}

const titleOf = (threads: number): string => (threads === 1 ? '1 thread' : `${threads} threads`);

/** nginx with one process and with two, where it is installed. */
async function nginxSides(parts: Parameters<typeof startNginx>[1]): Promise<Side[]> {
  if (missingOf(nginx.needs).length > 0) return [];
  const side = async (workerProcesses: number, title: string): Promise<Side> => {
    return { title, base: 'nginx, 1 process', load: await startNginx(workerProcesses, parts), warmRequests: 0 };
  };
  return [await side(1, 'nginx, 1 process'), await side(2, 'nginx, 2')];
}

async function warm(side: Side, asked: Asked, { signal }: CoresParts): Promise<void> {
  let requests = 0;
  for (let seconds = 0; requests < side.warmRequests && seconds < longestWarmSeconds; seconds += 4)
    requests += (await side.load(asked, { connections: 32, seconds: 4, signal })).requests;
}

/** How long each answer took, in milliseconds. The first thread alone accepts on the socket file. */
async function uneven({ socketPath }: Numbered, { seconds, signal }: CoresParts): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const endMs = performance.now() + seconds * 1_000;
  const times: number[] = [];
  const ask = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const began = performance.now();
      const sent = request({ socketPath, path: '/hello.php', agent, signal }, (response) => {
        response.on('end', () => {
          if (response.statusCode === 200) times.push(performance.now() - began);
          resolve();
        });
        response.on('error', reject);
        response.resume();
      });
      sent.on('error', reject);
      sent.end();
    });
  const client = async (): Promise<void> => {
    while (performance.now() < endMs) await ask();
  };
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
  return times;
}

/** What its process has, without what it shares with others. */
function memoryOf(pid: number): string {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
  return `${(kilobytes('Pss') / 1_024).toFixed(1)} MB proportional, ${(kilobytes('Rss') / 1_024).toFixed(1)} MB resident`;
}
