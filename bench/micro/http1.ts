// Measures the two HTTP/1.1 fronts side by side with a handler that does nothing: processor time a request, and memory
// an idle connection. Needs wrk. `node bench/micro/http1.ts [ROUNDS] [IDLE CONNECTIONS]`; figures are in
// docs/decisions/010-own-http1-front.md.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { runLoad } from '../macro/wrk.ts';

interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
}

interface Peer {
  readonly name: string;
  readonly child: ChildProcess;
  readonly port: number;
  readonly lines: AsyncIterator<string>;
  readonly user: number[];
  readonly total: number[];
}

const rounds = Number(process.argv[2] ?? 5);
const idleConnections = Number(process.argv[3] ?? 5_000);
const secondsPerLoad = 2;
// Jiffies of /proc/PID/stat: 100 a second on every Linux that Node runs on.
const microsPerJiffy = 10_000;
const signal = AbortSignal.timeout(600_000);

const peers = [await start('own'), await start('node')];
try {
  for (let round = 0; round <= rounds; round += 1) {
    for (const peer of peers) await load(peer, round === 0);
  }
  for (const { name, user, total } of peers) {
    print(
      `${name.padEnd(5)} user ${median(user).toFixed(1)} us, user and system ${median(total).toFixed(1)} us a request`,
    );
  }
  for (const peer of peers) await holdIdle(peer);
} finally {
  for (const { child } of peers) child.kill();
}

async function start(name: 'own' | 'node'): Promise<Peer> {
  const program = new URL('http1-server.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--expose-gc', program, name], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return { name, child, port: Number((await lines.next()).value), lines, user: [], total: [] };
}

/** One load; the first of each peer only warms it up. */
async function load(peer: Peer, isWarmUp: boolean): Promise<void> {
  const before = cpuJiffies(peer.child.pid!);
  const url = `http://127.0.0.1:${peer.port}/index.php`;
  const { requests } = await runLoad({ url, connections: 8, seconds: secondsPerLoad, signal });
  const after = cpuJiffies(peer.child.pid!);
  if (isWarmUp) return;
  peer.user.push(((after.user - before.user) * microsPerJiffy) / requests);
  peer.total.push(((after.user + after.system - before.user - before.system) * microsPerJiffy) / requests);
}

/** What a connection costs that has made one request and holds. */
async function holdIdle(peer: Peer): Promise<void> {
  const before = await memoryOf(peer);
  const program = new URL('../macro/idle-holder.ts', import.meta.url).pathname;
  const args = [program, '127.0.0.1', String(peer.port), '/', String(idleConnections), '127.0.0.1'];
  const holder = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(holder.stdout!, 'data');
  const after = await memoryOf(peer);
  const each = (key: keyof Memory): string => ((after[key] - before[key]) / idleConnections / 1024).toFixed(2);
  print(`${peer.name.padEnd(5)} ${each('heapUsed')} KiB of heap, ${each('rss')} KiB resident an idle connection`);
  holder.stdin!.end();
  await once(holder, 'exit');
}

async function memoryOf(peer: Peer): Promise<Memory> {
  peer.child.stdin!.write('\n');
  return JSON.parse((await peer.lines.next()).value as string) as Memory;
}

function cpuJiffies(pid: number): { user: number; system: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
  return { user: Number(fields[11]), system: Number(fields[12]) };
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
