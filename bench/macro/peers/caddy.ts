// Caddy with PHP-FPM, in a Caddyfile as its documentation writes it.

import { writeFileSync } from 'node:fs';
import { account } from '../account.ts';
import { responderSocket } from '../null-responder.ts';
import { logFileOf, type Peer } from '../peer.ts';
import { fpmSocket } from '../php-fpm.ts';
import { programPath } from '../program.ts';
import { programSocket, startProgramServer } from '../program-server.ts';
import type { Stack } from '../stack.ts';

export const caddy: Peer = {
  name: 'caddy',
  title: 'Caddy + php-fpm',
  needs: ['caddy', 'php-fpm', ...(account === null ? [] : ['setpriv'])],
  socket: programSocket,
  start(stack, processes) {
    const file = `${stack.folder}/Caddyfile`;
    writeFileSync(file, configuration(stack));
    const program = startProgramServer(stack, processes);
    // Unlike the others, Caddy does not change its account by itself.
    const command = [...asAccount(), programPath('caddy'), 'run', '--adapter', 'caddyfile', '--config', file];
    return [processes.start(command, { folder: stack.folder, logFile: logFileOf(stack) }), program];
  },
};

function asAccount(): string[] {
  if (account === null) return [];
  return [programPath('setpriv'), `--reuid=${account}`, `--regid=${account}`, '--init-groups'];
}

function configuration(stack: Stack): string {
  const { secure } = stack;
  return `{
  admin off
  auto_https off
  default_sni localhost
}
http://127.0.0.1:${stack.port} {
${site(stack)}
}
${secure === null ? '' : `https://127.0.0.1:${secure.port} {\n  tls ${secure.certificate} ${secure.key}\n  encode gzip\n${site(stack)}\n}`}
`;
}

function site(stack: Stack): string {
  return `  bind 127.0.0.1
  root * ${stack.root}
  handle /null {
    reverse_proxy unix/${responderSocket(stack)} {
      transport fastcgi
    }
  }
  handle {
    php_fastcgi unix/${fpmSocket(stack)}
    file_server
  }`;
}
