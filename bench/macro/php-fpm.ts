// A PHP-FPM of our own: a pool of as many children as the case has workers, on a socket in the peer's folder.

import { writeFileSync } from 'node:fs';
import { account } from './account.ts';
import { logFileOf } from './peer.ts';
import type { Processes } from './processes.ts';
import { programPath } from './program.ts';
import type { Stack } from './stack.ts';

/** Starts PHP-FPM; returns its master's pid. */
export function startFpm(stack: Stack, processes: Processes): number {
  const file = `${stack.folder}/php-fpm.conf`;
  writeFileSync(file, configuration(stack));
  const command = [programPath('php-fpm'), '--nodaemonize', '--fpm-config', file];
  return processes.start(command, { folder: stack.folder, logFile: logFileOf(stack) });
}

/** Where it listens. */
export function fpmSocket(stack: Stack): string {
  return `${stack.folder}/php-fpm.sock`;
}

function configuration(stack: Stack): string {
  return `[global]
error_log = ${stack.folder}/php-fpm.log
[www]
${account === null ? '' : `user = ${account}\ngroup = ${account}`}
listen = ${fpmSocket(stack)}
listen.mode = 0666
pm = ${stack.cold ? 'ondemand' : 'static'}
pm.max_children = ${stack.workers}
`;
}
