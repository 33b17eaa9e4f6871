// An application behind the web servers and spawners of this world: the same suite through each.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { startApache } from '../support/apache.ts';
import { applicationProgram } from '../support/application-program.ts';
import { applicationSuite, type SuiteAnswer, type SuiteRequest } from '../support/application-suite.ts';
import { findProgram, temporaryFolder } from '../support/folder.ts';
import { sendHttp } from '../support/http-driver.ts';
import { startLighttpd } from '../support/lighttpd.ts';
import { startNginx } from '../support/nginx.ts';
import { startNode } from '../support/node-program.ts';
import { freePort, startServer } from '../support/server-process.ts';

const file = 'test/fixtures/apps/suite.ts';

/** What is started for a whole block of tests ends with it. */
class Scope {
  readonly #steps: (() => unknown)[] = [];
  readonly after = ((step: () => unknown) => void this.#steps.push(step)) as never;
  async end(): Promise<void> {
    for (const step of this.#steps.reverse()) await step();
  }
}

/** A block of tests against a server that `start` brings up. */
function through(
  name: string,
  programs: readonly string[],
  mode: string,
  start: (scope: Scope) => Promise<(request: SuiteRequest) => Promise<SuiteAnswer>>,
): void {
  const missing = programs.find((program) => findProgram(program) === null);
  describe(name, { skip: missing === undefined ? false : `${missing} is not installed` }, () => {
    const scope = new Scope();
    let driver: ReturnType<typeof start> | null = null;
    after(() => scope.end());
    applicationSuite(mode, async (request) => {
      driver ??= start(scope);
      return (await driver)(request);
    });
  });
}

async function listening(scope: Scope): Promise<number> {
  const port = await freePort();
  const program = startNode(scope, [new URL(`../../${file}`, import.meta.url).pathname, '--listen', String(port)]);
  await program.until('listening on');
  return port;
}

through('an application behind nginx', ['nginx'], 'fastcgi', async (scope) => {
  const port = await listening(scope);
  const nginx = await startNginx(
    scope,
    'location / { include /etc/nginx/fastcgi_params; fastcgi_pass app; fastcgi_keep_conn on; }',
    `upstream app { server 127.0.0.1:${port}; keepalive 4; }`,
  );
  return (request) => sendHttp(nginx.port, request);
});

through('an application behind Apache mod_proxy_fcgi', ['apache2'], 'fastcgi', async (scope) => {
  const port = await listening(scope);
  const apache = await startApache(
    scope,
    ['proxy', 'proxy_fcgi'],
    `ProxyPass "/" "fcgi://127.0.0.1:${port}/" enablereuse=on`,
  );
  return (request) => sendHttp(apache.port, request);
});

through('an application spawned by Apache mod_fcgid', ['apache2'], 'fastcgi', async (scope) => {
  const program = applicationProgram(scope, file, 'app.fcgi');
  const apache = await startApache(
    scope,
    ['fcgid', 'alias', 'env'],
    `FcgidIPCDir @FOLDER@
FcgidProcessTableFile @FOLDER@/table
FcgidMaxRequestLen 1000000
FcgidMaxProcesses 2
ScriptAlias / ${program}/
<Location "/">
  SetHandler fcgid-script
  Options +ExecCGI
</Location>`,
  );
  return (request) => sendHttp(apache.port, request);
});

through('an application run by Apache mod_cgid', ['apache2'], 'cgi', async (scope) => {
  const program = applicationProgram(scope, file, 'app.cgi');
  const apache = await startApache(
    scope,
    ['cgid', 'alias', 'env'],
    `ScriptSock @FOLDER@/cgisock\nScriptAlias / ${program}/`,
  );
  return (request) => sendHttp(apache.port, request);
});

through('an application spawned by lighttpd', ['lighttpd'], 'fastcgi', async (scope) => {
  const program = applicationProgram(scope, file, 'app.fcgi');
  const lighttpd = await startLighttpd(
    scope,
    `server.modules = ( "mod_fastcgi" )
fastcgi.server = ( "/" => (( "bin-path" => "${program}", "socket" => "@FOLDER@/app.sock", "max-procs" => 1,
  "check-local" => "disable", "fix-root-scriptname" => "enable" )) )`,
  );
  return (request) => sendHttp(lighttpd.port, request);
});

through(
  'an application started by spawn-fcgi, with cgi-fcgi as its client',
  ['spawn-fcgi', 'cgi-fcgi'],
  'fastcgi',
  async (scope) => {
    const program = applicationProgram(scope, file, 'app.fcgi');
    const socket = join(temporaryFolder(scope), 'app.sock');
    await startServer(scope, ['spawn-fcgi', '-n', '-s', socket, '--', program], socket);
    return (request) => sendByCgiFcgi(socket, request);
  },
);

describe('an application as lighttpd’s authorizer', {
  skip: findProgram('lighttpd') ? false : 'lighttpd is not installed',
}, () => {
  it('lets in whom it knows, and answers everybody else itself', async (t) => {
    const program = applicationProgram(t, file, 'app.fcgi');
    const { port, folder } = await startLighttpd(
      t,
      `server.modules = ( "mod_fastcgi" )
fastcgi.server = ( "/private/" => (( "bin-path" => "${program}", "socket" => "@FOLDER@/app.sock", "max-procs" => 1,
  "mode" => "authorizer", "docroot" => "@FOLDER@", "check-local" => "disable" )) )`,
    );
    mkdirSync(join(folder, 'private'));
    writeFileSync(join(folder, 'private/page.txt'), 'for members');
    const stranger = await sendHttp(port, { path: '/private/page.txt' });
    assert.equal(stranger.status, 403);
    assert.equal(stranger.body.toString(), 'who are you?');
    const member = await sendHttp(port, { path: '/private/page.txt', headers: { 'x-user': 'ann' } });
    assert.equal(member.status, 200);
    assert.equal(member.body.toString(), 'for members');
  });
});

/** One request by libfcgi's own client. */
async function sendByCgiFcgi(
  socket: string,
  { path, method = 'GET', headers = {}, body }: SuiteRequest,
): Promise<SuiteAnswer> {
  const env: Record<string, string> = {
    REQUEST_METHOD: method,
    REQUEST_URI: path,
    HTTP_HOST: 'localhost',
    CONTENT_LENGTH: String(body?.length ?? 0),
  };
  for (const [name, value] of Object.entries(headers)) {
    env[name === 'content-type' ? 'CONTENT_TYPE' : `HTTP_${name.toUpperCase().replaceAll('-', '_')}`] = value;
  }
  const child = spawn('cgi-fcgi', ['-bind', '-connect', socket], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(body);
  const [out, errors] = await Promise.all([child.stdout.toArray(), child.stderr.toArray()]);
  const bytes = Buffer.concat(out);
  const text = bytes.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  const lines = text
    .slice(0, end)
    .split('\r\n')
    .map((line) => line.split(': ') as [string, string]);
  return {
    status: Number.parseInt(lines[0]![1], 10),
    headers: lines.slice(1).map(([name, value]) => [name.toLowerCase(), value]),
    body: bytes.subarray(end + 4),
    stderr: Buffer.concat(errors).toString(),
  };
}
