// Apache httpd with the event MPM: with mod_fcgid, which starts PHP itself, and with mod_proxy_fcgi in front of PHP-FPM.

import { writeFileSync } from 'node:fs';
import { account } from '../account.ts';
import { responderSocket } from '../null-responder.ts';
import { logFileOf, type Peer } from '../peer.ts';
import { fpmSocket } from '../php-fpm.ts';
import type { Processes } from '../processes.ts';
import { programPath } from '../program.ts';
import { programSocket, startProgramServer } from '../program-server.ts';
import type { Stack } from '../stack.ts';

const modules = '/usr/lib/apache2/modules';
const common = ['mpm_event', 'authz_core', 'dir', 'mime', 'alias', 'setenvif'];

export const apacheFcgid: Peer = {
  name: 'apache-fcgid',
  title: 'Apache + mod_fcgid',
  needs: ['apache2', 'php-cgi', `${modules}/mod_fcgid.so`],
  start: (stack, processes) => [startApache(stack, processes, ['fcgid'], fcgid(stack))],
};

export const apacheFpm: Peer = {
  name: 'apache-fpm',
  title: 'Apache + mod_proxy_fcgi + php-fpm',
  needs: ['apache2', 'php-fpm', `${modules}/mod_proxy_fcgi.so`],
  socket: programSocket,
  start(stack, processes) {
    const program = startProgramServer(stack, processes);
    return [startApache(stack, processes, ['proxy', 'proxy_fcgi'], proxy(stack)), program];
  },
};

function startApache(stack: Stack, processes: Processes, extra: readonly string[], directives: string): number {
  const file = `${stack.folder}/apache.conf`;
  const secure = stack.secure === null ? [] : ['ssl', 'socache_shmcb', 'http2', 'filter', 'deflate'];
  writeFileSync(file, `${base(stack, [...common, ...extra, ...secure])}${directives}${tlsOf(stack)}`);
  const command = [programPath('apache2'), '-DFOREGROUND', '-f', file];
  return processes.start(command, { folder: stack.folder, logFile: logFileOf(stack) });
}

function base(stack: Stack, loaded: readonly string[]): string {
  // Debian's 150 requests at a time, unless the case opens more connections than that.
  const atATime = Math.max(150, Math.ceil(Math.min(stack.connections, 4000) / 25) * 25);
  return `ServerRoot ${stack.folder}
${loaded.map((name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`).join('\n')}
${account === null ? '' : `User ${account}\nGroup ${account}`}
Listen 127.0.0.1:${stack.port}
ServerName 127.0.0.1
PidFile ${stack.folder}/apache.pid
DefaultRuntimeDir ${stack.folder}
ErrorLog ${stack.folder}/error.log
LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined
CustomLog ${stack.folder}/access.log combined
TypesConfig /etc/mime.types
ServerLimit ${atATime / 25}
MaxRequestWorkers ${atATime}
MaxKeepAliveRequests 0
DocumentRoot ${stack.root}
DirectoryIndex index.php index.html
<Directory ${stack.root}>
  Options FollowSymLinks ExecCGI
  AllowOverride None
  Require all granted
</Directory>
`;
}

function tlsOf({ secure, folder }: Stack): string {
  if (secure === null) return '';
  return `Listen 127.0.0.1:${secure.port} https
SSLSessionCache shmcb:${folder}/tls-sessions(512000)
<VirtualHost 127.0.0.1:${secure.port}>
  SSLEngine on
  SSLCertificateFile ${secure.certificate}
  SSLCertificateKeyFile ${secure.key}
  Protocols h2 http/1.1
  AddOutputFilterByType DEFLATE text/html
</VirtualHost>
`;
}

function fcgid(stack: Stack): string {
  return `FcgidIPCDir ${stack.folder}/fcgid
FcgidProcessTableFile ${stack.folder}/fcgid-table
FcgidMaxProcesses ${stack.workers}
FcgidMaxProcessesPerClass ${stack.workers}
FcgidMaxRequestLen 64000000
FcgidInitialEnv PHP_FCGI_MAX_REQUESTS 0
<FilesMatch "\\.php$">
  SetHandler fcgid-script
  FcgidWrapper ${programPath('php-cgi')} .php
</FilesMatch>
${stack.responder === null ? '' : mountedResponder(stack.responder)}`;
}

function mountedResponder(program: string): string {
  return `Alias /null ${program}
<Location /null>
  SetHandler fcgid-script
  Options ExecCGI
  Require all granted
</Location>
`;
}

function proxy(stack: Stack): string {
  return `<FilesMatch ".+\\.php$">
  SetHandler "proxy:unix:${fpmSocket(stack)}|fcgi://localhost"
</FilesMatch>
${stack.responder === null ? '' : `ProxyPass "/null" "unix:${responderSocket(stack)}|fcgi://localhost/null"\n`}`;
}
