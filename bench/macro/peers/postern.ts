// Postern, from this checkout; and the same with two front threads.

import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { account } from '../account.ts';
import { logFileOf, type Peer } from '../peer.ts';
import type { Processes } from '../processes.ts';
import { programPath } from '../program.ts';
import type { SecurePort, Stack } from '../stack.ts';

const main = new URL('../../../bin/postern.js', import.meta.url).pathname;

const needs = ['php-cgi', main];

export const postern: Peer = {
  name: 'postern',
  title: 'Postern',
  needs,
  start: (stack, processes) => start(stack, processes, 1),
};

export const posternThreads: Peer = {
  name: 'postern-threads',
  title: 'Postern, two front threads',
  needs,
  isOnlyWhereNamed: true,
  start: (stack, processes) => start(stack, processes, 2),
};

function start(stack: Stack, processes: Processes, threads: number): number[] {
  // Compiled code is kept from one start to the next, as in the home of a user who starts it again.
  const env = { XDG_CACHE_HOME: dirname(stack.folder) };
  const options = { folder: stack.folder, logFile: logFileOf(stack), env };
  const more = ['--threads', String(threads), '--user', 'root'];
  if (stack.zeroConfiguration) {
    const address = ['--listen', `127.0.0.1:${stack.port}`, '--workers', String(stack.workers)];
    return [processes.start([process.execPath, main, 'serve', stack.root, ...address, ...more], options)];
  }
  const file = `${stack.folder}/postern.toml`;
  writeFileSync(file, configuration(stack));
  return [processes.start([process.execPath, main, 'run', ...more, '-c', file], options)];
}

function configuration(stack: Stack): string {
  const { responder, secure } = stack;
  return `[service]
keepAliveTimeout = "600s"

[site.main]
listen = ["127.0.0.1:${stack.port}"${secure === null ? '' : `, "https://127.0.0.1:${secure.port}"`}]
${secure === null ? '' : tlsOf(secure)}root = "${stack.root}"
index = ["index.php", "index.html"]

[[site.main.route]]
${responder === null ? phpPool() : responderPool(responder)}workers = ${stack.workers}
minWorkers = ${stack.cold ? 0 : 1}
${account === null ? '' : `user = "${account}"\n`}`;
}

function tlsOf({ certificate, key }: SecurePort): string {
  return `tls = { certificate = "${certificate}", key = "${key}" }\ncompress = true\n`;
}

function phpPool(): string {
  return `match = "*.php"
pool = "php"

[pool.php]
php = "${programPath('php-cgi')}"
`;
}

function responderPool(program: string): string {
  return `match = "/null"
pool = "null"

[pool.null]
command = ["${program}"]
`;
}
