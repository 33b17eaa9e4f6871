// A service of a checkout that is loaded in turns with others: how it is started, and what a request costs its process.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { type Peer, startPeer } from '../macro/peer.ts';
import { ownUsage } from '../macro/process-tree.ts';
import { type Processes, runProgram } from '../macro/processes.ts';
import { programPath } from '../macro/program.ts';
import type { Stack } from '../macro/stack.ts';
import type { Workspace } from '../macro/workspace.ts';
import { runLoad } from '../macro/wrk.ts';

/** Processor time of one request, in microseconds, and how many there were. */
export interface Cost {
  readonly requests: number;
  readonly user: number;
  readonly system: number;
}

/** One of those that are compared, running. */
export interface Contender {
  readonly origin: string;
  readonly pid: number;
  /** A socket file that it listens on besides, which the first of its threads accepts on. */
  readonly socketPath: string;
}

/** What one is started with. */
export interface ContenderOptions {
  readonly name: string;
  /** The checkout. */
  readonly folder: string;
  readonly threads: number;
  /** Client connections, at most. */
  readonly connections: number;
  readonly workers?: number;
  readonly workspace: Workspace;
  readonly processes: Processes;
  readonly signal: AbortSignal;
}

/** What is asked for. */
export interface Asked {
  readonly path: string;
  readonly fields?: readonly string[];
}

/** Starts the service of a checkout, with every case in its configuration. */
export async function startContender(options: ContenderOptions): Promise<Contender> {
  const { name, folder, connections, workspace, processes, signal } = options;
  const builder = `${folder}/build.ts`;
  if (existsSync(builder)) await runProgram([process.execPath, builder], { folder, signal });
  const program = [process.execPath, `${folder}/bin/postern.js`, 'run'];
  // An earlier commit has one, and no word for it.
  const help = await runProgram([...program, '--help'], { folder, env: { XDG_CACHE_HOME: '' }, signal });
  const threads = help.includes('--threads') ? ['--threads', String(options.threads)] : [];
  // The process that is measured is the one that serves, and no launcher.
  const user = help.includes('--user') && process.getuid?.() === 0 ? ['--user', 'root'] : [];
  const shape = {
    application: 'null',
    connections,
    ...(options.workers === undefined ? {} : { workers: options.workers }),
  } as const;
  const stack = await workspace.stackFor(shape, name);
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
  return { origin, pid: roots[0]!, socketPath: socketOf(stack) };
}

const socketOf = ({ folder }: Stack): string => `${folder}/http.sock`;

function configuration(stack: Stack): string {
  const { folder, port, root, responder, workers } = stack;
  return `[site.main]
listen = ["127.0.0.1:${port}", "unix:${socketOf(stack)}"]
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

/** A load. */
export interface TurnLoad {
  readonly connections: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

/** One load, and what it cost. */
export async function costOf({ origin, pid }: Contender, asked: Asked, load: TurnLoad): Promise<Cost> {
  return await costBy(origin, () => ownUsage(pid), asked, load);
}

/** The same of whoever serves there. @param usage the processor time that it has used so far */
export async function costBy(
  origin: string,
  usage: () => { readonly userMicros: number; readonly systemMicros: number },
  { path, fields = [] }: Asked,
  load: TurnLoad,
): Promise<Cost> {
  const from = usage();
  const { requests, statusErrors, socketErrors } = await runLoad({ url: origin + path, fields, ...load });
  const to = usage();
  if (statusErrors + socketErrors > 0) throw new Error(`${path}: ${statusErrors + socketErrors} requests failed`);
  return {
    requests,
    user: (to.userMicros - from.userMicros) / requests,
    system: (to.systemMicros - from.systemMicros) / requests,
  };
}
