// Stands in for php-cgi when php-src's tests are run: the request that such a test describes goes over HTTP to a site that Postern serves
// with that php-cgi, and the answer comes back as a CGI program writes it. What is no request (-v, -w, -i) php-cgi does itself.

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { createService, defineConfig } from '../../src/index.ts';
import { encodePath } from '../../src/protocol/http/path.ts';
import { temporaryFolder } from '../support/folder.ts';

/** The php-cgi that is meant; set by `main.ts`. */
const phpCgi = process.env.POSTERN_PHP_CGI ?? '/usr/bin/php-cgi';
const ofCgi =
  /^(?:HTTP_.*|REDIRECT_STATUS|QUERY_STRING|PATH_TRANSLATED|PATH_INFO|SCRIPT_FILENAME|SCRIPT_NAME|REQUEST_METHOD|REQUEST_URI|CONTENT_TYPE|CONTENT_LENGTH|GATEWAY_INTERFACE|SERVER_.*|POSTERN_PHP_CGI)$/;
/** Some tests have them in a cookie; in a field of HTTP none can be. */
const lineEnd = /\r?\n/g;
/** What HTTP adds to an answer. */
const ofHttp = /^(?:date|connection|content-length|transfer-encoding|keep-alive)$/i;

/** The environment as bytes: Node reads it as UTF-8. */
const environment = new Map(
  readFileSync('/proc/self/environ', 'latin1')
    .split('\0')
    .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const),
);
/** As php-cgi tells it; else it looks at its arguments, and -f means no header. */
const isCgi = ['SERVER_SOFTWARE', 'SERVER_NAME', 'GATEWAY_INTERFACE', 'REQUEST_METHOD'].some((name) =>
  environment.has(name),
);

const closers: (() => unknown)[] = [];
const t = { after: (close: () => unknown) => void closers.push(close) };

const { settings, file, isBare } = parse(process.argv.slice(2));
if (file === null) {
  const { status } = spawnSync(phpCgi, process.argv.slice(2), { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} else {
  const answer = await answerOf(file, settings);
  process.stdout.write(isBare ? answer.slice(answer.indexOf('\r\n\r\n') + 4) : answer, 'latin1');
}
for (const close of closers.reverse()) await close();

/** The arguments of php-cgi: settings to be passed on, and the script; null: it is no request. */
function parse(args: readonly string[]): {
  readonly settings: string[];
  readonly file: string | null;
  readonly isBare: boolean;
} {
  const settings: string[] = [];
  let file: string | null = process.env.SCRIPT_FILENAME || null;
  let isBare = false;
  const rest = [...args];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (argument === '-n') settings.push('-n');
    else if (argument === '-C') continue;
    else if (argument === '-d' || argument === '-c') settings.push(argument, rest.shift() ?? '');
    else if (argument.startsWith('-d')) settings.push('-d', argument.slice(2));
    else if (argument === '-f') {
      file = rest.shift() ?? null;
      isBare = !isCgi;
    } else if (argument === '--') break;
    else if (argument.startsWith('-')) return { settings, file: null, isBare };
    else file = argument;
  }
  return { settings, file: file === null || !existsSync(file) ? null : resolve(file), isBare };
}

async function answerOf(given: string, settings: readonly string[]): Promise<string> {
  const folder = temporaryFolder(t, 'postern-php-src-');
  // A php pool runs names that end in ".php".
  const file = extname(given) === '.php' ? given : `${given}.php`;
  if (file !== given) {
    copyFileSync(given, file);
    t.after(() => rmSync(file, { force: true }));
  }
  const program = join(folder, 'php-cgi');
  const quoted = settings.map((setting) => `'${setting.replaceAll("'", "'\\''")}'`).join(' ');
  writeFileSync(program, `#!/bin/sh\nexec ${phpCgi} ${quoted} "$@"\n`, { mode: 0o755 });
  const env = Object.entries(process.env).filter(
    ([name, value]) => value !== undefined && /^[A-Za-z_]\w*$/.test(name) && !ofCgi.test(name),
  );
  const service = createService(
    defineConfig({
      site: { main: { listen: '127.0.0.1:0', root: dirname(file), route: [{ match: '*.php', pool: 'php' }] } },
      pool: {
        php: {
          php: program,
          workers: 1,
          allowRoot: process.getuid?.() === 0,
          env: Object.fromEntries(env) as Record<string, string>,
        },
      },
    }),
  );
  await service.start();
  t.after(() => service.close());
  const { url } = service.status().listeners[0]!;
  return asCgi(await ask(Number(new URL(url!).port), requestFor(file)));
}

function requestFor(file: string): string {
  const of = (name: string): string => environment.get(name) ?? '';
  const query = of('QUERY_STRING') === '' ? '' : `?${of('QUERY_STRING')}`;
  const target = encodePath(Buffer.from(`/${basename(file)}`).toString('latin1') + of('PATH_INFO')) + query;
  const length = Number(of('CONTENT_LENGTH'));
  const body = length > 0 ? readFileSync(0).subarray(0, length).toString('latin1') : '';
  const fields = [...environment]
    .filter(([name, value]) => name.startsWith('HTTP_') && value !== '')
    .map(([name, value]) => `${name.slice(5).replaceAll('_', '-')}: ${value.replaceAll(lineEnd, ' ')}`);
  const lines = [
    // Of HTTP/1.0, since 1.1 asks for a Host.
    `${of('REQUEST_METHOD') || 'GET'} ${target} HTTP/1.0`,
    ...fields,
    ...(of('CONTENT_TYPE') === '' ? [] : [`Content-Type: ${of('CONTENT_TYPE')}`]),
    ...(of('CONTENT_LENGTH') === '' ? [] : [`Content-Length: ${body.length}`]),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

function ask(port: number, request: string): Promise<string> {
  return new Promise((done, failed) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('error', failed);
    socket.on('close', () => done(answer));
    socket.write(request, 'latin1');
  });
}

/** An answer over HTTP as php-cgi writes it: without the line of a plain 200, and without what HTTP adds. */
function asCgi(answer: string): string {
  const end = answer.indexOf('\r\n\r\n');
  const [first = '', ...lines] = answer.slice(0, end).split('\r\n');
  const [, status = ''] = /^HTTP\/1\.[01] (\d{3}.*)$/.exec(first) ?? [];
  const body = answer.slice(end + 4);
  const kept = lines.filter((line) => !ofHttp.test(line.slice(0, line.indexOf(':'))));
  return `${[...(status.startsWith('200') ? [] : [`Status: ${status}`]), ...kept].join('\r\n')}\r\n\r\n${body}`;
}
