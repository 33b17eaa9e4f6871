import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { startNginx } from '../../support/nginx.ts';
import { phpFpm, startFpm } from '../../support/php-fpm.ts';
import { PhpService, phpMissing, phpPool } from '../../support/php-service.ts';
import { RawClient } from '../../support/raw-client.ts';
import { differences, everywhere } from './differences.ts';
import { type Shape, shapes } from './request-shapes.ts';

const dump = new URL('../../fixtures/dump.php', import.meta.url).pathname;

const missing =
  phpMissing ||
  (phpFpm === null && 'php-fpm is not installed') ||
  (findProgram('nginx') === null && 'nginx is not installed');

/** What people write for PHP behind nginx: Debian's snippet, and a location that takes PATH_INFO. */
const locations = (root: string, fpm: number): string => `
  server_name example.org;
  root ${root};
  index index.php index.html;
  location / { try_files $uri $uri/ =404; }
  location ~ /\\. { deny all; }
  location ~ [^/]\\.php(/|$) {
    fastcgi_split_path_info ^(.+?\\.php)(/.*)$;
    try_files $fastcgi_script_name =404;
    set $path_info $fastcgi_path_info;
    fastcgi_param PATH_INFO $path_info;
    fastcgi_index index.php;
    fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
    fastcgi_param QUERY_STRING $query_string;
    fastcgi_param REQUEST_METHOD $request_method;
    fastcgi_param CONTENT_TYPE $content_type;
    fastcgi_param CONTENT_LENGTH $content_length;
    fastcgi_param SCRIPT_NAME $fastcgi_script_name;
    fastcgi_param REQUEST_URI $request_uri;
    fastcgi_param DOCUMENT_URI $document_uri;
    fastcgi_param DOCUMENT_ROOT $document_root;
    fastcgi_param SERVER_PROTOCOL $server_protocol;
    fastcgi_param REQUEST_SCHEME $scheme;
    fastcgi_param HTTPS $https if_not_empty;
    fastcgi_param GATEWAY_INTERFACE CGI/1.1;
    fastcgi_param SERVER_SOFTWARE nginx/$nginx_version;
    fastcgi_param REMOTE_ADDR $remote_addr;
    fastcgi_param REMOTE_PORT $remote_port;
    fastcgi_param REMOTE_USER $remote_user;
    fastcgi_param SERVER_ADDR $server_addr;
    fastcgi_param SERVER_PORT $server_port;
    fastcgi_param SERVER_NAME $server_name;
    fastcgi_param REDIRECT_STATUS 200;
    fastcgi_pass 127.0.0.1:${fpm};
  }`;

/** A site of scripts that all dump, served twice: by Postern, and by nginx with PHP-FPM. @returns their ports */
async function bothServers(t: TestContext): Promise<{ postern: number; nginx: number }> {
  const folder = temporaryFolder(t);
  // PHP-FPM runs as another user.
  chmodSync(folder, 0o755);
  const root = join(folder, 'public');
  for (const inner of ['sub', 'dir.php']) mkdirSync(join(root, inner), { recursive: true });
  const script = readFileSync(dump);
  for (const name of ['d.php', 'sub/index.php', 'dir.php/index.php', 'a b.php', 'caf\u00e9.php']) {
    copyFileSync(dump, join(root, name));
  }
  writeFileSync(Buffer.from(`${root}/caf\xe9.php`, 'latin1'), script);
  writeFileSync(join(root, 'style.css'), 'a{}');
  writeFileSync(join(root, '.htaccess'), '');
  const { port } = await startNginx(t, locations(root, await startFpm(t, 'www-data')));
  const service = await PhpService.start(t, { files: {}, pool: `${phpPool}workers = 2\n`, folder });
  return { postern: service.port, nginx: port };
}

interface Answered {
  readonly status: string;
  /** "SERVER.HTTP_HOST" -> its value, for each leaf; none where it is no dump. */
  readonly fields: ReadonlyMap<string, string>;
}

async function ask(t: TestContext, port: number, { bytes }: Shape): Promise<Answered> {
  const client = await RawClient.connect(t, port);
  client.send(bytes);
  const answer = await client.untilEnd();
  client.socket.destroy();
  const [head = '', ...rest] = answer.split('\r\n\r\n');
  const body = rest.join('\r\n\r\n');
  const json = /\{.*\}/s.exec(/^transfer-encoding: chunked/im.test(head) ? unchunked(body) : body)?.[0];
  const fields = new Map<string, string>();
  if (json !== undefined) leaves(JSON.parse(json), '', fields);
  const location = /^location: (.*)$/im.exec(head)?.[1];
  if (location !== undefined) fields.set('Location', location.replace(/^http:\/\/[^/]+/, '').trim());
  return { status: head.split(' ')[1] ?? `none (${client.end})`, fields };
}

function unchunked(body: string): string {
  let text = '';
  for (let at = 0; at < body.length; ) {
    const lineEnd = body.indexOf('\r\n', at);
    const length = Number.parseInt(body.slice(at, lineEnd), 16);
    if (!(length > 0)) break;
    text += body.slice(lineEnd + 2, lineEnd + 2 + length);
    at = lineEnd + 4 + length;
  }
  return text;
}

function leaves(value: unknown, path: string, into: Map<string, string>): void {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const [name, one] of Object.entries(value)) leaves(one, path === '' ? name : `${path}.${text(name)}`, into);
  } else if (!Array.isArray(value)) {
    into.set(path, text(String(value)));
  }
}

/** A string of the dump: "s" and its bytes in hex. */
function text(told: string): string {
  return /^s(?:[0-9a-f]{2})*$/.test(told) ? Buffer.from(told.slice(1), 'hex').toString('latin1') : told;
}

/** The fields whose values differ, each with both; Postern's first. */
function compare(ours: Answered, theirs: Answered): Map<string, string> {
  const found = new Map<string, string>();
  if (ours.status !== theirs.status) found.set('status', `${ours.status} | ${theirs.status}`);
  // Where one refuses there is nothing more to compare.
  if (ours.fields.size < 2 || theirs.fields.size < 2) return found;
  for (const name of new Set([...ours.fields.keys(), ...theirs.fields.keys()])) {
    const [one, other] = [ours.fields.get(name), theirs.fields.get(name)];
    if (one !== other && !everywhere.has(name)) found.set(name, `${show(one)} | ${show(other)}`);
  }
  return found;
}

function show(value: string | undefined): string {
  return value === undefined ? 'not set' : JSON.stringify(value.slice(0, 60));
}

describe('PHP is told the same by Postern as by nginx and PHP-FPM', { skip: missing }, () => {
  it('in requests of every shape, but for what the documentation lists', async (t) => {
    const { postern, nginx } = await bothServers(t);
    const pages = readFileSync(new URL('../../../docs/coming-from.md', import.meta.url), 'utf8').replace(/\s+/g, ' ');
    for (const shape of shapes) {
      await t.test(shape.name, async () => {
        const found = compare(await ask(t, postern, shape), await ask(t, nginx, shape));
        const known = differences[shape.name];
        assert.deepEqual([...found.keys()].sort(), [...(known?.fields ?? [])].sort(), JSON.stringify([...found]));
        if (known !== undefined) assert.ok(pages.includes(known.why), `docs/coming-from.md says: ${known.why}`);
      });
    }
    assert.deepEqual(
      Object.keys(differences).filter((name) => !shapes.some((one) => one.name === name)),
      [],
    );
    for (const [name, why] of everywhere) {
      if (why !== '') assert.ok(pages.includes(why), `docs/coming-from.md says of ${name}: ${why}`);
    }
  });
});
