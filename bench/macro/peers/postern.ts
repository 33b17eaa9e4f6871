// Postern, from this checkout.

import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { account } from '../account.ts';
import { logFileOf, type Peer } from '../peer.ts';
import { programPath } from '../program.ts';
import type { SecurePort, Stack } from '../stack.ts';

const main = new URL('../../../bin/postern.js', import.meta.url).pathname;

export const postern: Peer = {
  name: 'postern',
  title: 'Postern',
  needs: ['php-cgi', main],
  start(stack, processes) {
    // Compiled code is kept from one start to the next, as in the home of a user who starts it again.
    const env = { XDG_CACHE_HOME: dirname(stack.folder) };
    const options = { folder: stack.folder, logFile: logFileOf(stack), env };
    if (stack.zeroConfiguration) {
      const address = ['--listen', `127.0.0.1:${stack.port}`, '--workers', String(stack.workers)];
      return [processes.start([process.execPath, main, 'serve', stack.root, ...address, '--user', 'root'], options)];
    }
    const file = `${stack.folder}/postern.toml`;
    writeFileSync(file, configuration(stack));
    return [processes.start([process.execPath, main, 'run', '--user', 'root', '-c', file], options)];
  },
};

function configuration(stack: Stack): string {
  const { responder, secure } = stack;
  return `[site.main]
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
