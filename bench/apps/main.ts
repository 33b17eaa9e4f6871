// `node bench/apps/main.ts [--rounds N] [--seconds N] [NAME...]`: "Hello" by FastCGI libraries behind one nginx, by turns; prints requests a
// second and processor time a request.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../macro/free-port.ts';
import { describeMachine } from '../macro/machine.ts';
import { processTree } from '../macro/process-tree.ts';
import { Processes } from '../macro/processes.ts';
import { missingOf, programPath } from '../macro/program.ts';
import { runLoad } from '../macro/wrk.ts';
import { type Contender, contenders } from './contender.ts';
import { writeNginxConfig } from './nginx.ts';
import { type Connections, formatScores, type Score } from './score.ts';

/** A program that runs, and what it scored so far. */
interface Run extends Score {
  readonly socket: string;
  readonly pid: number;
}

const loadConnections = 8;
const startLimitMs = 20_000;

const { values, positionals: names } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '2' } },
  allowPositionals: true,
});
const signal = AbortSignal.timeout(1_800_000);
const processes = new Processes();
const folder = mkdtempSync(`${tmpdir()}/postern-bench-apps-`);
chmodSync(folder, 0o755);

try {
  const missing = missingOf(['nginx', 'wrk', '/etc/nginx/fastcgi.conf']);
  if (missing.length > 0) throw new Error(`not installed: ${missing.join(', ')}`);
  process.stdout.write(`${describeMachine()}\n\n`);
  await measureAll(contenders.filter(isWanted));
} finally {
  await processes.stopAll();
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

function isWanted({ name, title, needs }: Contender): boolean {
  if (names.length > 0 && !names.includes(name)) return false;
  const missing = missingOf(needs);
  if (missing.length > 0) process.stdout.write(`${title} is left out: ${missing.join(', ')} not installed\n`);
  return missing.length === 0;
}

async function measureAll(wanted: readonly Contender[]): Promise<void> {
  const options = { folder, logFile: `${folder}/output.log` };
  const runs: Run[] = [];
  for (const { name, title, keeps, command } of wanted) {
    const kinds: Connections[] = keeps ? ['close', 'keep'] : ['close'];
    // A program of its own for each: connections that nginx keeps would hold all processes of libfcgi's.
    for (const connections of kinds) {
      const socket = `${folder}/${name}-${connections}.sock`;
      const pid = processes.start(await command(folder, socket, signal), options);
      runs.push({ name, title, connections, requestsPerSecond: [], cpuMicros: [], socket, pid });
    }
  }
  const port = await freePort();
  const config = writeNginxConfig(folder, port, runs);
  processes.start([programPath('nginx'), '-p', folder, '-e', `${folder}/error.log`, '-c', config], options);

  const urlOf = ({ name, connections }: Run): string => `http://127.0.0.1:${port}/${name}/${connections}`;
  for (const run of runs) await answering(urlOf(run));
  // The first round only warms up.
  for (let round = 0; round <= Number(values.rounds); round += 1) {
    for (const run of runs) await measure(run, urlOf(run), round === 0);
  }
  process.stdout.write(formatScores(runs, contenders.at(-1)!.name));
}

async function measure(run: Run, url: string, isWarmUp: boolean): Promise<void> {
  const before = cpuMicrosOf(run.pid);
  const load = { url, connections: loadConnections, seconds: Number(values.seconds), signal };
  const { requests, micros, socketErrors, statusErrors } = await runLoad(load);
  const failed = socketErrors + statusErrors;
  if (failed > 0 || requests === 0) throw new Error(`${url}: ${failed} of ${requests} failed`);
  if (isWarmUp) return;
  run.requestsPerSecond.push((requests / micros) * 1e6);
  run.cpuMicros.push((cpuMicrosOf(run.pid) - before) / requests);
}

function cpuMicrosOf(pid: number): number {
  return processTree([pid]).reduce((sum, { cpuMicros }) => sum + cpuMicros, 0);
}

/** Resolves when a URL is answered with 200. */
async function answering(url: string): Promise<void> {
  const deadline = performance.now() + startLimitMs;
  while ((await statusOf(url)) !== 200) {
    if (performance.now() > deadline) throw new Error(`${url} is not answered with 200`);
    await sleep(50);
  }
}

function statusOf(url: string): Promise<number> {
  return new Promise((resolve) => {
    const outgoing = request(url, { agent: false, timeout: 5_000 }, (answer) => {
      answer.resume();
      answer.on('close', () => resolve(answer.statusCode ?? 0));
    });
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', () => resolve(0));
    outgoing.end();
  });
}
