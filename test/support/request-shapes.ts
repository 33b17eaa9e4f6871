// Requests that a web server and PHP may understand in more than one way, for comparing stacks field by field; and the site that they are for.

import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

/** A request as its bytes, by what it is about. "@" in its place: the Host line and "Connection: close". */
export interface RequestShape {
  readonly name: string;
  readonly text: string;
}

const credentials = `Authorization: Basic ${Buffer.from('ann:secret').toString('base64')}`;
const get = (target: string, ...lines: string[]): RequestShape => shape('GET', target, lines);

function shape(
  method: string,
  target: string,
  lines: readonly string[] = [],
  body: string | null = null,
): RequestShape {
  const length = body === null ? [] : [`Content-Length: ${Buffer.byteLength(body, 'latin1')}`];
  const head = [`${method} ${target} HTTP/1.1`, '@', ...lines, ...length];
  const name = [method, target, ...lines].join(' ').slice(0, 100);
  return { name, text: `${head.join('\r\n')}\r\n\r\n${body ?? ''}` };
}

const multipart =
  '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\nContent-Type: text/plain\r\n\r\nfile\r\n--x--\r\n';
const form = 'Content-Type: application/x-www-form-urlencoded';

/** Targets whose path or query can be read in several ways. */
const targets = [
  ...[
    '/p.php',
    '/p.php?a=1&b=2',
    '/p.php?',
    '/p.php?a=%20+b',
    '/p.php?a[]=1&a[]=2&a[k]=3',
    '/p.php?-s',
    '/p.php?a=%00b',
  ],
  ...[
    '/p.php?caf%C3%A9=%E9',
    '/p.php?a?b=c',
    '/p.php?a.b=1&c%20d=2',
    '/p.php?a=1;b=2',
    '/p.php?=&&a',
    '/p.php?a=b%0D%0Ac',
  ],
  ...['/p.php/a/b', '/p.php/a/b?c=d', '/p.php/a%2Fb', '/p.php/a%20b', '/p.php/caf%C3%A9', '/p.php/%E9', '/p.php/a//b'],
  ...['/p.php/a/./b', '/p.php/a/../b', '/p.php/', '/p.php/p.php', '/p.php/sub/index.php', '/p.php/upload/x.jpg'],
  ...['/p.php/a.php/b', '/p.php/a%3Fb', '/p.php/a+b', '/p.php/a%2Bb', '/p.php/a%25b', '/p.php/a;b=c', '/p.php/a%5Cb'],
  ...['/p.php/a%0Ab', '/P.php', '/p.PHP', '//p.php', '/./p.php', '/sub/../p.php', '/%70.php', '/a%20b.php', '/a+b.php'],
  ...['/caf%C3%A9.php', '/caf%E9.php', '/nothere.php', '/nothere.php/a', '/nothere', '/', '/?x=1', '/sub/', '/sub'],
  ...['/sub/index.php', '/sub/index.php/a', '/upload/x.jpg/y.php', '/upload/x.jpg%00.php', '/upload/x.jpg%2Fy.php'],
  ...['/upload/x.php.jpg', '/.hidden.php', '/p.php~', '/dir.php/', '/dir.php/index.php', '/dir.php/index.php/a'],
  ...['/link.php', '/out.php', '/setup.php', '/setup.php?y=1', '/pretty/url', '/pretty/url?more=1', '/pretty/a%20b'],
  ...['/alias/index.php', '/alias/', '/inner/index.php', '/inner/index.php?a', '/unsplit/p.php', '/unsplit/p.php/a/b'],
  ...['/members/p.php', '/login/p.php', '/set/p.php', '/p.php?status=404', '/p.php?status=500'],
  ...['/p.php?status=204', '/p.php?to=/sub/', '/p.php?to=http://other.example/'],
];

/** All of them. */
export const requestShapes: readonly RequestShape[] = [
  ...targets.map((target) => get(target)),
  get('/members/p.php', credentials),
  get('/login/p.php', credentials),
  get('/p.php', credentials),
  get('/p.php', 'Authorization: Bearer abc'),
  get('/p.php', 'Authorization: Digest username="ann", realm="r", nonce="n", uri="/p.php", response="0"'),
  get('/p.php', 'Cookie: a=1; b=2', 'Cookie: c=%203'),
  get('/p.php', 'Cookie: a=1; a=2; d[x]=3; =4; e'),
  get('/p.php', 'X-Forwarded-For: 192.0.2.1', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: other.example'),
  get('/p.php', 'Proxy: http://evil.example'),
  get('/p.php', 'X_Under_Score: 1'),
  get('/p.php', 'X-Twice: 1', 'X-Twice: 2'),
  get('/p.php', 'X-Bytes: caf\xc3\xa9 \xe9'),
  get('/p.php', 'X-Empty:'),
  get('/p.php', 'Range: bytes=0-3'),
  get('/p.php', 'If-Modified-Since: Sat, 01 Jan 2000 00:00:00 GMT', 'If-None-Match: "a"'),
  get('/p.php', 'Content-Type: text/plain'),
  get('/p.php', 'X-Accel-Redirect: /x', 'X-Sendfile: /x'),
  get('/p.php', 'Redirect-Status: 404', 'Redirect-Url: /x'),
  get(
    '/p.php',
    'Accept: text/html',
    'Accept-Language: de',
    'Accept-Encoding: gzip',
    'User-Agent: a "b"',
    'Referer: /x',
  ),
  { name: 'HTTP/1.0 without Host', text: 'GET /p.php HTTP/1.0\r\n\r\n' },
  { name: 'HTTP/1.0 with Host', text: 'GET /p.php HTTP/1.0\r\nHost: site.example\r\n\r\n' },
  { name: 'Host with a port', text: 'GET /p.php HTTP/1.1\r\nHost: Site.Example:8080\r\nConnection: close\r\n\r\n' },
  { name: 'an absolute target', text: 'GET http://site.example/p.php?a HTTP/1.1\r\n@\r\n\r\n' },
  shape('HEAD', '/p.php'),
  shape('POST', '/p.php?q=1', [form], 'a=1&b[]=2&c=%20+'),
  shape('POST', '/p.php/info', [form], 'a=1'),
  shape('POST', '/p.php', ['Content-Type: application/json'], '{"a":1}'),
  shape('POST', '/p.php', ['Content-Type: multipart/form-data; boundary=x'], multipart),
  shape('POST', '/p.php', [form], ''),
  shape('POST', '/p.php'),
  shape('POST', '/p.php', [], 'no type'),
  {
    name: 'POST chunked',
    text: `POST /p.php HTTP/1.1\r\n@\r\n${form}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=1\r\n0\r\n\r\n`,
  },
  shape('POST', '/p.php', [form], `a=${'x'.repeat(100_000)}`),
  shape('POST', '/nothere.php', [form], 'a=1'),
  shape('PUT', '/p.php', ['Content-Type: text/plain'], 'put'),
  shape('PATCH', '/p.php', ['Content-Type: text/plain'], 'patch'),
  shape('DELETE', '/p.php'),
  shape('OPTIONS', '/p.php'),
  shape('PROPFIND', '/p.php'),
  shape('REPORT', '/p.php'),
  shape('TRACE', '/p.php'),
  // Last: PHP-FPM keeps such settings for the requests after it.
  get('/ini/p.php'),
];

/** Writes the site: every script of it tells what PHP knows of the request. */
export function writeShapesSite(folder: string): { readonly root: string; readonly elsewhere: string } {
  const root = join(folder, 'site');
  const elsewhere = join(folder, 'elsewhere');
  const script = readFileSync(new URL('../fixtures/php/tell.php', import.meta.url));
  for (const name of ['sub', 'members', 'upload', 'dir.php']) mkdirSync(join(root, name), { recursive: true });
  mkdirSync(elsewhere);
  const scripts = [
    'p.php',
    'index.php',
    'e404.php',
    'sub/index.php',
    'members/p.php',
    'dir.php/index.php',
    'a b.php',
    'café.php',
  ];
  for (const name of [...scripts, '.hidden.php', 'p.php~', 'upload/x.jpg', 'upload/x.php.jpg'])
    writeFileSync(join(root, name), script);
  writeFileSync(join(elsewhere, 'index.php'), script);
  symlinkSync('p.php', join(root, 'link.php'));
  symlinkSync(join(elsewhere, 'index.php'), join(root, 'out.php'));
  for (const path of [folder, root, elsewhere]) chmodSync(path, 0o755);
  return { root, elsewhere };
}

/** An answer, as far as stacks are compared by it: its status, and what the script told, flat ("server.SCRIPT_NAME" -> value). */
export interface Told {
  readonly status: number;
  readonly location: string;
  readonly fields: Readonly<Record<string, string>>;
  /** The body where no script told anything. */
  readonly text: string;
}

/** Sends a shape to a port of this machine, and reads what the script told. */
export async function tell(port: number, { text }: RequestShape): Promise<Told> {
  const answer = await exchange(port, text.replace(/^@$/m, 'Host: site.example\r\nConnection: close'));
  const end = answer.indexOf('\r\n\r\n');
  const head = answer.slice(0, end);
  const body = /^transfer-encoding: *chunked/im.test(head) ? unchunked(answer.slice(end + 4)) : answer.slice(end + 4);
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0);
  const location = /^location: *(.*)$/im.exec(head)?.[1]?.trim() ?? '';
  const fields: Record<string, string> = {};
  const isTold = body.startsWith('{"server"');
  if (isTold) flatten(JSON.parse(Buffer.from(body, 'latin1').toString()), '', fields);
  return {
    status,
    location: location.replaceAll(`:${port}`, ''),
    fields: plain(fields, port),
    text: isTold ? '' : body,
  };
}

function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    socket.setEncoding('latin1');
    socket.setTimeout(30_000, () => socket.destroy(new Error(`no answer to ${text.slice(0, 80)}`)));
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)));
    socket.on('close', () => resolve(answer));
    socket.write(text, 'latin1');
  });
}

function unchunked(body: string): string {
  let text = '';
  for (let at = 0; at < body.length; ) {
    const end = body.indexOf('\r\n', at);
    const size = Number.parseInt(body.slice(at, end), 16);
    if (!(size > 0)) break;
    text += body.slice(end + 2, end + 2 + size);
    at = end + 4 + size;
  }
  return text;
}

function flatten(value: unknown, path: string, into: Record<string, string>): void {
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value);
    if (entries.length === 0 && path !== '') into[path] = '[]';
    for (const [name, inner] of entries) flatten(inner, path === '' ? name : `${path}.${name}`, into);
  } else {
    into[path] = String(value);
  }
}

/** What differs between two runs of the same stack says nothing. */
function plain(fields: Record<string, string>, port: number): Record<string, string> {
  const kept = Object.entries(fields).filter(
    ([name]) => !/^server\.(?:REQUEST_TIME(?:_FLOAT)?|REMOTE_PORT|UNIQUE_ID)$/.test(name),
  );
  return Object.fromEntries(kept.map(([name, value]) => [name, value.replaceAll(String(port), 'PORT')]));
}

/** The fields in which two answers differ, each with both values; `status`, `location` and `runs` (whether a script ran) among them. */
export function differences(a: Told, b: Told): { readonly field: string; readonly a: string; readonly b: string }[] {
  const all = (told: Told): Record<string, string> => ({
    status: String(told.status),
    location: told.location,
    runs: Object.keys(told.fields).length > 0 ? 'a script' : 'none',
  });
  const ran = Object.keys(a.fields).length > 0 && Object.keys(b.fields).length > 0;
  const left: Record<string, string> = { ...all(a), ...(ran ? a.fields : {}) };
  const right: Record<string, string> = { ...all(b), ...(ran ? b.fields : {}) };
  return [...new Set([...Object.keys(left), ...Object.keys(right)])]
    .filter((field) => left[field] !== right[field])
    .map((field) => ({ field, a: left[field] ?? '(absent)', b: right[field] ?? '(absent)' }));
}
