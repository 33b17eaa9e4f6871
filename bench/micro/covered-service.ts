// The command as a user starts it, with the access log on, in which is counted which functions run, in which files: by V8, not read from the code.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { freePort } from '../macro/free-port.ts';
import { programPath } from '../macro/program.ts';
import type { Beginning, RanFunction } from './coverage-probe.ts';

/** Requests before the first that counts. */
const warmRequests = 50;
const countedRequests = 7;

/** Rooms in the order in which a request passes them. */
const rooms = ['front', 'sites', 'gateway', 'queue', 'leases', 'pool', 'worker', 'connection', 'protocol'];
const page = '<?php if (isset($_GET["slow"])) usleep(400000); echo "hello from ", getmypid(), ".";\n';

/** A checkout's service, one page of PHP, and one client's connection to it. */
export class CoveredService {
  readonly #checkout: string;
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  readonly #signal: AbortSignal;

  private constructor(checkout: string, folder: string, child: ChildProcess, socket: Socket, signal: AbortSignal) {
    this.#checkout = checkout;
    this.#folder = folder;
    this.#child = child;
    this.#socket = socket;
    this.#signal = signal;
  }

  static async start(checkout: string, signal: AbortSignal): Promise<CoveredService> {
    const folder = mkdtempSync(join(tmpdir(), 'postern-files-'));
    const port = await freePort();
    const child = startChild(checkout, folder, port);
    try {
      return new CoveredService(checkout, folder, child, await connected(child, port, signal), signal);
    } catch (error) {
      await end(child, folder);
      throw error;
    }
  }

  /** Asks for the page until everything is warm. @returns the process that answered last */
  async warm(): Promise<number> {
    let pid = 0;
    for (let count = 0; count < warmRequests; count += 1) pid = await this.get();
    return pid;
  }

  /** Asks for the page. @param query "?slow": it takes 0.4 s. @returns the process that answered */
  async get(query = ''): Promise<number> {
    this.#socket.write(`GET /index.php${query} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    let answer = '';
    let found: RegExpExecArray | null = null;
    for (; found === null; found = /hello from (\d+)\./.exec(answer))
      answer += String((await once(this.#socket, 'data', { signal: this.#signal }))[0]);
    if (!answer.startsWith('HTTP/1.1 200 ')) throw new Error(`the page was not answered: ${answer}`);
    return Number(found[1]);
  }

  /** The functions of the checkout's sources that run while something is done, by their places. */
  async ranDuring(work: () => Promise<unknown>, how: Beginning = 'begin'): Promise<Map<string, RanFunction>> {
    await this.#ask(how);
    await work();
    const ran = (await this.#ask('end')).filter(({ url }) => url.startsWith(this.#sources));
    return new Map(ran.map((one) => [`${one.url} ${one.offset}`, one]));
  }

  /**
   * The functions that each of some requests runs, once everything is warm: what only some of them run, or a timer, is no part of a request's way.
   */
  async ranByRequest(query = ''): Promise<readonly RanFunction[]> {
    const seen: Map<string, RanFunction>[] = [];
    for (let count = 0; count < countedRequests; count += 1)
      seen.push(await this.ranDuring(() => this.get(query), 'begin still'));
    return [...seen[0]!].filter(([key]) => seen.every((one) => one.has(key))).map(([, one]) => one);
  }

  /** The file of a function, in the sources. */
  fileOf({ url }: RanFunction): string {
    return url.slice(this.#sources.length);
  }

  /** Prints them, a line for each file. */
  tell(ran: readonly RanFunction[]): void {
    const files = [...Map.groupBy(ran, (one) => this.fileOf(one))].sort(
      ([a], [b]) => placeOf(a) - placeOf(b) || a.localeCompare(b),
    );
    for (const [file, functions] of files) {
      const text = readFileSync(`${this.#checkout}/src/${file}`, 'utf8');
      const names = functions.sort((a, b) => a.offset - b.offset).map((one) => one.name || `line ${lineOf(text, one)}`);
      process.stdout.write(`${file}: ${names.join(', ')}\n`);
    }
    process.stdout.write(`\n${ran.length} functions in ${files.length} files\n`);
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    // Time goes on: else it has none to end in.
    if (this.#child.connected) this.#child.send('begin');
    await end(this.#child, this.#folder);
  }

  get #sources(): string {
    return `file://${this.#checkout}/src/`;
  }

  async #ask(message: Beginning | 'end'): Promise<readonly RanFunction[]> {
    const answered = once(this.#child, 'message', { signal: this.#signal });
    this.#child.send(message);
    return (await answered)[0] as readonly RanFunction[];
  }
}

function startChild(checkout: string, folder: string, port: number): ChildProcess {
  const root = `${folder}/site`;
  mkdirSync(root);
  writeFileSync(`${root}/index.php`, page);
  const file = `${folder}/postern.toml`;
  writeFileSync(
    file,
    `[site.main]\nlisten = ["127.0.0.1:${port}"]\nroot = "${root}"\n
[[site.main.route]]\nmatch = "*.php"\npool = "php"\n
[pool.php]\nphp = "${programPath('php-cgi')}"\nworkers = 4\n
[log]\naccess = true\nfile = "${folder}/log"\n`,
  );
  const probe = new URL('coverage-probe.ts', import.meta.url).href;
  return fork(`${checkout}/src/cli/main.ts`, ['run', '--allow-root', '--user', 'root', '-c', file], {
    execArgv: ['--import', probe],
    env: { ...process.env, XDG_CACHE_HOME: folder, XDG_RUNTIME_DIR: folder },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
}

async function connected(child: ChildProcess, port: number, signal: AbortSignal): Promise<Socket> {
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

async function end(child: ChildProcess, folder: string): Promise<void> {
  // Its end of the channel would keep it alive.
  if (child.connected) child.disconnect();
  child.kill('SIGTERM');
  if (child.exitCode === null) await once(child, 'exit');
  rmSync(folder, { recursive: true });
}

/** Rooms that are not named come last. */
function placeOf(file: string): number {
  const at = rooms.indexOf(file.split('/')[0]!);
  return at < 0 ? rooms.length : at;
}

function lineOf(text: string, { offset }: RanFunction): number {
  return text.slice(0, offset).split('\n').length;
}
