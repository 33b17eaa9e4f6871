// One nginx before all contenders: "/NAME/close" opens a connection for each request, as nginx does unless told otherwise, "/NAME/keep" keeps them.

import { writeFileSync } from 'node:fs';
import type { Connections } from './score.ts';

/** A program that it connects to. */
interface Upstream {
  readonly name: string;
  readonly connections: Connections;
  readonly socket: string;
}

/** Writes its configuration. @returns the path */
export function writeNginxConfig(folder: string, port: number, upstreams: readonly Upstream[]): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const path = `${folder}/nginx.conf`;
  writeFileSync(
    path,
    `${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 1;
pid ${folder}/nginx.pid;
daemon off;
error_log ${folder}/error.log;
events { worker_connections 768; }
http {
  access_log off;
  default_type application/octet-stream;
${temporary.map((name) => `  ${name}_temp_path ${folder}/${name};`).join('\n')}
${upstreams
  .filter(({ connections }) => connections === 'keep')
  .map(({ name, socket }) => `  upstream ${name} { server unix:${socket}; keepalive 8; }`)
  .join('\n')}
  server {
    listen 127.0.0.1:${port};
    include /etc/nginx/fastcgi.conf;
${upstreams.map(locationOf).join('\n')}
  }
}
`,
  );
  return path;
}

function locationOf({ name, connections, socket }: Upstream): string {
  const pass = connections === 'keep' ? `fastcgi_pass ${name}; fastcgi_keep_conn on;` : `fastcgi_pass unix:${socket};`;
  return `    location = /${name}/${connections} { ${pass} }`;
}
