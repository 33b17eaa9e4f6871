// lighttpd, which starts one php-cgi with children of its own, as Debian's configuration does.

import { mkdirSync, writeFileSync } from 'node:fs';
import { account, giveTo } from '../account.ts';
import { logFileOf, type Peer } from '../peer.ts';
import { programPath } from '../program.ts';
import type { SecurePort, Stack } from '../stack.ts';

export const lighttpd: Peer = {
  name: 'lighttpd',
  title: 'lighttpd + php-cgi',
  needs: ['lighttpd', 'php-cgi'],
  start(stack, processes) {
    const file = `${stack.folder}/lighttpd.conf`;
    const own = `${stack.folder}/own`;
    mkdirSync(own, { recursive: true });
    if (account !== null) giveTo(account, own);
    writeFileSync(file, configuration(stack, own));
    const command = [programPath('lighttpd'), '-D', '-f', file];
    return [processes.start(command, { folder: stack.folder, logFile: logFileOf(stack) })];
  },
};

function configuration(stack: Stack, own: string): string {
  return `server.modules = ("mod_indexfile", "mod_access", "mod_alias", "mod_redirect", "mod_fastcgi", "mod_dirlisting", "mod_staticfile"${stack.secure === null ? '' : ', "mod_openssl", "mod_deflate"'})
server.bind = "127.0.0.1"
server.port = ${stack.port}
server.document-root = "${stack.root}"
server.upload-dirs = ("${own}")
server.errorlog = "${own}/error.log"
server.pid-file = "${stack.folder}/lighttpd.pid"
server.max-fds = ${2 * stack.connections + 1024}
${account === null ? '' : `server.username = "${account}"\nserver.groupname = "${account}"`}
index-file.names = ("index.php", "index.html")
static-file.exclude-extensions = (".php")
mimetype.assign = (".txt" => "text/plain", ".html" => "text/html", ".css" => "text/css", ".js" => "text/javascript")
fastcgi.server += (".php" => ((
  "bin-path" => "${programPath('php-cgi')}",
  "socket" => "${own}/php.sock",
  "max-procs" => 1,
  "bin-environment" => ("PHP_FCGI_CHILDREN" => "${stack.workers}", "PHP_FCGI_MAX_REQUESTS" => "0"),
  "bin-copy-environment" => ("PATH"),
  "broken-scriptfilename" => "enable"
)))
${stack.responder === null ? '' : mountedResponder(stack, stack.responder, own)}${stack.secure === null ? '' : tlsOf(stack.secure)}`;
}

function mountedResponder(stack: Stack, program: string, own: string): string {
  return `fastcgi.server += ("/null" => ((
  "bin-path" => "${program}",
  "socket" => "${own}/null.sock",
  "max-procs" => ${stack.workers},
  "check-local" => "disable"
)))
`;
}

function tlsOf({ port, certificate, key }: SecurePort): string {
  return `server.max-keep-alive-requests = 100000000
$SERVER["socket"] == "127.0.0.1:${port}" {
  ssl.engine = "enable"
  ssl.pemfile = "${certificate}"
  ssl.privkey = "${key}"
  deflate.mimetypes = ("text/html")
  deflate.allowed-encodings = ("gzip")
}
`;
}
