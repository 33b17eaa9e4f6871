// `npm run bench:turns -- CHECKOUT [CASE...]`: this checkout and another one under the same load, in turns: what a request costs the gateway's process,
// user and system time apart. Access logs are on. Only the ratio says something: the machine may be busy with other things.

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine } from '../macro/machine.ts';
import { median } from '../macro/metric.ts';
import { Processes } from '../macro/processes.ts';
import { Workspace } from '../macro/workspace.ts';
import { browserFields } from './browser-request.ts';
import { type Asked, type Contender, type Cost, costOf, startContender } from './contender.ts';

/** What is asked for, by name. */
const cases: Readonly<Record<string, Asked>> = {
  hello: { path: '/hello.php' },
  browser: { path: '/hello.php?page=2&sort=name', fields: browserFields },
  page: { path: '/page.php' },
  'fastcgi-null': { path: '/null' },
  'static-1k': { path: '/1k.txt' },
};

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
  const shared = { threads: Number(values.threads), connections, workspace, processes, signal };
  const before = await startContender({ name: 'before', folder: resolve(checkout), ...shared });
  const now = await startContender({ name: 'now', folder: new URL('../..', import.meta.url).pathname, ...shared });
  process.stdout.write('us a request      user before    now  ratio    system before    now  ratio\n');
  for (const name of names) await compare(name, before, now);
} finally {
  await processes.stopAll();
  workspace.close();
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

function load(one: Contender, name: string, seconds: number): Promise<Cost> {
  return costOf(one, cases[name]!, { connections, seconds, signal });
}
