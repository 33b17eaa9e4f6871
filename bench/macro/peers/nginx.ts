// nginx with PHP-FPM, as Debian ships them; and the same with connections to PHP-FPM kept open.

import { writeFileSync } from 'node:fs';
import { account } from '../account.ts';
import { responderSocket } from '../null-responder.ts';
import { logFileOf, type Peer } from '../peer.ts';
import { fpmSocket } from '../php-fpm.ts';
import type { Processes } from '../processes.ts';
import { programPath } from '../program.ts';
import { programSocket, startProgramServer } from '../program-server.ts';
import type { SecurePort, Stack } from '../stack.ts';

const needs = ['nginx', 'php-fpm', '/etc/nginx/fastcgi.conf', '/etc/nginx/mime.types'];

export const nginx: Peer = {
  name: 'nginx',
  title: 'nginx + php-fpm, as shipped',
  needs,
  socket: programSocket,
  start: (stack, processes) => start(stack, processes, false),
};

export const nginxKeepalive: Peer = {
  name: 'nginx-keepalive',
  title: 'nginx + php-fpm, keep-alive to FPM',
  needs,
  socket: programSocket,
  start: (stack, processes) => start(stack, processes, true),
};

/** As shipped, but for the number of its processes: its own are below the first of those that are started. */
export function nginxWith(workerProcesses: number): Peer {
  const name = `nginx-${workerProcesses}`;
  return { ...nginx, name, start: (stack, processes) => start(stack, processes, false, String(workerProcesses)) };
}

function start(stack: Stack, processes: Processes, keepAlive: boolean, workerProcesses = 'auto'): number[] {
  const file = `${stack.folder}/nginx.conf`;
  writeFileSync(file, configuration(stack, keepAlive, workerProcesses));
  const program = startProgramServer(stack, processes);
  const command = [programPath('nginx'), '-p', stack.folder, '-e', `${stack.folder}/error.log`, '-c', file];
  return [processes.start(command, { folder: stack.folder, logFile: logFileOf(stack) }), program];
}

function configuration(stack: Stack, keepAlive: boolean, workerProcesses: string): string {
  const { folder, secure } = stack;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `${account === null ? '' : `user ${account};`}
worker_processes ${workerProcesses};
pid ${folder}/nginx.pid;
daemon off;
events { worker_connections ${Math.max(768, 2 * stack.connections + 100)}; }
http {
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 600s;
  types_hash_max_size 2048;
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  access_log ${folder}/access.log;
  gzip on;
  client_max_body_size 64m;
${temporary.map((name) => `  ${name}_temp_path ${folder}/${name};`).join('\n')}
  upstream php { server unix:${fpmSocket(stack)}; ${keepAlive ? `keepalive ${stack.workers};` : ''} }
  upstream null { server unix:${responderSocket(stack)}; ${keepAlive ? `keepalive ${stack.workers};` : ''} }
  ${keepAlive ? 'fastcgi_keep_conn on;' : ''}
  server {
    listen 127.0.0.1:${stack.port};
    ${secure === null ? '' : tlsOf(secure)}
    root ${stack.root};
    index index.php index.html;
    location / { try_files $uri $uri/ /index.php?$args; }
    location ~ \\.php$ { try_files $uri =404; include /etc/nginx/fastcgi.conf; fastcgi_pass php; }
    location = /null { include /etc/nginx/fastcgi.conf; fastcgi_pass null; }
  }
}
`;
}

/** Without the limit on requests a connection ends after 1,000 of them, which is no fault that is to be measured. TLS 1.3, as in Debian's configuration: by itself this version has 1.2. */
function tlsOf({ port, certificate, key }: SecurePort): string {
  return `listen 127.0.0.1:${port} ssl http2;
    ssl_certificate ${certificate};
    ssl_certificate_key ${key};
    ssl_protocols TLSv1.2 TLSv1.3;
    keepalive_requests 100000000;`;
}
