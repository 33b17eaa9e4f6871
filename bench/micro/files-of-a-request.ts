// `npm run bench:files [-- CHECKOUT]`: which functions, in which files, one warm request of a PHP page runs: counted by V8, not read from the code.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from '../macro/free-port.ts';
import { programPath } from '../macro/program.ts';
import type { RanFunction } from './coverage-probe.ts';

/** Requests before the first that counts. */
const warmRequests = 50;
/** Requests that are counted, each for itself: what only some of them run is a timer's, and no part of a request's way. */
const countedRequests = 7;
/** Rooms in the order in which a request passes them. */
const rooms = ['front', 'service', 'gateway', 'queue', 'pool', 'worker', 'connection', 'protocol', 'cli'];

const checkout = resolve(process.argv[2] ?? new URL('../..', import.meta.url).pathname);
const sources = `file://${checkout}/src/`;
const signal = AbortSignal.timeout(120_000);
const folder = mkdtempSync(join(tmpdir(), 'postern-files-'));
const port = await freePort();
const child = start();
try {
  const socket = await connected();
  for (let count = 0; count < warmRequests; count += 1) await get(socket);
  const seen: Map<string, RanFunction>[] = [];
  for (let count = 0; count < countedRequests; count += 1) {
    await ask('begin');
    await get(socket);
    const ran = (await ask('end')).filter(({ url }) => url.startsWith(sources));
    seen.push(new Map(ran.map((one) => [`${one.url} ${one.offset}`, one])));
  }
  socket.destroy();
  tell([...seen[0]!].filter(([key]) => seen.every((one) => one.has(key))).map(([, one]) => one));
} finally {
  // Its end of the channel would keep it alive.
  if (child.connected) child.disconnect();
  child.kill('SIGTERM');
  if (child.exitCode === null) await once(child, 'exit');
  rmSync(folder, { recursive: true });
}

/** The command as a user starts it, with the access log on. */
function start(): ChildProcess {
  const root = `${folder}/site`;
  mkdirSync(root);
  writeFileSync(`${root}/index.php`, '<?php echo "hello";\n');
  const file = `${folder}/postern.toml`;
  writeFileSync(
    file,
    `[site.main]\nlisten = ["127.0.0.1:${port}"]\nroot = "${root}"\n
[[site.main.route]]\nmatch = "*.php"\npool = "php"\n
[pool.php]\nphp = "${programPath('php-cgi')}"\nworkers = 4\n
[log]\naccess = true\nfile = "${folder}/log"\n`,
  );
  const probe = new URL('coverage-probe.ts', import.meta.url).href;
  return fork(`${checkout}/bin/postern.js`, ['run', '--allow-root', '--user', 'root', '-c', file], {
    execArgv: ['--import', probe],
    env: { ...process.env, XDG_CACHE_HOME: folder, XDG_RUNTIME_DIR: folder },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

async function connected(): Promise<Socket> {
  for (;;) {
    signal.throwIfAborted();
    const socket = connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect', { signal }).then(
      () => true,
      () => false,
    );
    if (isOpen) return socket;
    if (child.exitCode !== null) throw new Error(`postern ended with exit ${child.exitCode}`);
    await wait(100);
  }
}

async function get(socket: Socket): Promise<void> {
  socket.write('GET /index.php HTTP/1.1\r\nHost: localhost\r\n\r\n');
  let answer = '';
  while (!answer.includes('hello')) answer += String((await once(socket, 'data', { signal }))[0]);
  if (!answer.startsWith('HTTP/1.1 200 ')) throw new Error(`the page was not answered: ${answer}`);
}

async function ask(message: 'begin' | 'end'): Promise<readonly RanFunction[]> {
  const answered = once(child, 'message', { signal });
  child.send(message);
  return (await answered)[0] as readonly RanFunction[];
}

function tell(ran: readonly RanFunction[]): void {
  const files = [...Map.groupBy(ran, ({ url }) => url.slice(sources.length))].sort(
    ([a], [b]) => placeOf(a) - placeOf(b) || a.localeCompare(b),
  );
  for (const [file, functions] of files) {
    const text = readFileSync(`${checkout}/src/${file}`, 'utf8');
    const names = functions.sort((a, b) => a.offset - b.offset).map((one) => one.name || `line ${lineOf(text, one)}`);
    process.stdout.write(`${file}: ${names.join(', ')}\n`);
  }
  process.stdout.write(`\n${ran.length} functions in ${files.length} files\n`);
}

/** Rooms that are not named come last. */
function placeOf(file: string): number {
  const at = rooms.indexOf(file.split('/')[0]!);
  return at < 0 ? rooms.length : at;
}

function lineOf(text: string, { offset }: RanFunction): number {
  return text.slice(0, offset).split('\n').length;
}
