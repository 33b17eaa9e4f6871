// `npm run bench:turns -- CHECKOUT [CASE...]`: this checkout and another one under the same load, in turns: what a request costs the gateway's process,
// user and system time apart. Access logs are on. Only the ratio says something: the machine may be busy with other things.

import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine } from '../macro/machine.ts';
import { median } from '../macro/metric.ts';
import { type Peer, startPeer } from '../macro/peer.ts';
import { ownUsage } from '../macro/process-tree.ts';
import { Processes, runProgram } from '../macro/processes.ts';
import { programPath } from '../macro/program.ts';
import type { Stack } from '../macro/stack.ts';
import { Workspace } from '../macro/workspace.ts';
import { runLoad } from '../macro/wrk.ts';
import { browserFields } from './browser-request.ts';

/** What is asked for, by name. */
const cases: Readonly<Record<string, { readonly path: string; readonly fields?: readonly string[] }>> = {
  hello: { path: '/hello.php' },
  browser: { path: '/hello.php?page=2&sort=name', fields: browserFields },
  page: { path: '/page.php' },
  'fastcgi-null': { path: '/null' },
  'static-1k': { path: '/1k.txt' },
};

/** Processor time of one request, in microseconds, and how many there were. */
interface Cost {
  readonly requests: number;
  readonly user: number;
  readonly system: number;
}

/** One of the two that are compared, running. */
interface Contender {
  readonly origin: string;
  readonly pid: number;
}

const connections = 8;
/** Requests of each kind before the first that counts: until then V8 compiles what they run, again and again. */
const warmRequests = 25_000;
const longestWarmSeconds = 40;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '1' },
  },
});
const [checkout, ...wanted] = positionals;
const names = wanted.length === 0 ? Object.keys(cases) : wanted;
const unknown = names.filter((name) => cases[name] === undefined);
if (checkout === undefined || unknown.length > 0) {
  process.stderr.write(`npm run bench:turns -- CHECKOUT [CASE...] [--rounds N] [--seconds S] [--threads N]

  CHECKOUT   a folder with another commit of this project, with its node_modules: "git worktree add" makes one
  CASE       ${Object.keys(cases).join(', ')}; none: all of them
`);
  process.exit(2);
}

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => interruption.abort());
const { signal } = interruption;
const processes = new Processes();
const workspace = new Workspace(processes, signal);
try {
  process.stdout.write(`${describeMachine()}\n\n`);
  const before = await start('before', resolve(checkout));
  const now = await start('now', new URL('../..', import.meta.url).pathname);
  process.stdout.write('us a request      user before    now  ratio    system before    now  ratio\n');
  for (const name of names) await compare(name, before, now);
} finally {
  await processes.stopAll();
  workspace.close();
}

/** Starts the service of a checkout, with every case in its configuration. */
async function start(name: string, folder: string): Promise<Contender> {
  const program = [process.execPath, `${folder}/bin/postern.js`, 'run'];
  // An earlier commit has one, and no word for it.
  const help = await runProgram([...program, '--help'], { folder, env: { XDG_CACHE_HOME: '' }, signal });
  const threads = help.includes('--threads') ? ['--threads', values.threads] : [];
  // The process that is measured is the one that serves, and no launcher.
  const user = help.includes('--user') && process.getuid?.() === 0 ? ['--user', 'root'] : [];
  const stack = await workspace.stackFor({ application: 'null', connections }, name);
  const peer: Peer = {
    name,
    title: folder,
    needs: [],
    start: (own) => {
      mkdirSync(`${own.folder}/run`);
      writeFileSync(`${own.folder}/postern.toml`, configuration(own));
      return [
        processes.start([...program, '--allow-root', ...threads, ...user, '-c', 'postern.toml'], {
          folder: own.folder,
          logFile: `${own.folder}/output.log`,
          env: { XDG_RUNTIME_DIR: `${own.folder}/run`, XDG_CACHE_HOME: own.folder },
        }),
      ];
    },
  };
  const { origin, roots } = await startPeer(peer, stack, processes, '/hello.php', signal);
  return { origin, pid: roots[0]! };
}

function configuration({ folder, port, root, responder, workers }: Stack): string {
  return `[site.main]
listen = ["127.0.0.1:${port}"]
root = "${root}"

[[site.main.route]]
match = "/null"
pool = "null"

[[site.main.route]]
match = "*.php"
pool = "php"

[pool.null]
command = ["${responder}"]
workers = ${workers}

[pool.php]
php = "${programPath('php-cgi')}"
workers = ${workers}

[log]
file = "${folder}/access.log"
`;
}

/** Loads both in turns; which comes first changes with each round. */
async function compare(name: string, before: Contender, now: Contender): Promise<void> {
  await warm(before, name);
  await warm(now, name);
  const costs = new Map<Contender, Cost[]>([
    [before, []],
    [now, []],
  ]);
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const one of round % 2 === 0 ? [before, now] : [now, before]) {
      costs.get(one)!.push(await load(one, name, Number(values.seconds)));
    }
  }
  const of = (one: Contender, kind: keyof Cost): number => median(costs.get(one)!.map((cost) => cost[kind]));
  const columns = (['user', 'system'] as const).map((kind) => {
    const [old, own] = [of(before, kind), of(now, kind)];
    return `${old.toFixed(1).padStart(11)} ${own.toFixed(1).padStart(6)} ${(own / old).toFixed(2).padStart(6)}`;
  });
  process.stdout.write(`${name.padEnd(17)} ${columns.join('      ')}\n`);
}

async function warm(one: Contender, name: string): Promise<void> {
  let requests = 0;
  for (let seconds = 0; requests < warmRequests && seconds < longestWarmSeconds; seconds += 4) {
    requests += (await load(one, name, 4)).requests;
  }
}

/** One load, and what it cost. */
async function load({ origin, pid }: Contender, name: string, seconds: number): Promise<Cost> {
  const { path, fields = [] } = cases[name]!;
  const from = ownUsage(pid);
  const { requests, statusErrors, socketErrors } = await runLoad({
    url: origin + path,
    connections,
    seconds,
    fields,
    signal,
  });
  const to = ownUsage(pid);
  if (statusErrors + socketErrors > 0) throw new Error(`${name}: ${statusErrors + socketErrors} requests failed`);
  return {
    requests,
    user: (to.userMicros - from.userMicros) / requests,
    system: (to.systemMicros - from.systemMicros) / requests,
  };
}
