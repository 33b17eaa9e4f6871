// Feeds generated and mutated request streams, cut anywhere, to our HTTP/1.1 parser and to node:http: what node:http
// refuses we refuse, where both accept we agree, and where we alone refuse the reason is one of `stricter`.
// FUZZ_RUNS sets how many streams.

import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import { duplexPair } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { toPosternError } from '../../src/errors.ts';
import { BodyDecoder } from '../../src/protocol/http/http1-body-decoder.ts';
import { HeadReader } from '../../src/protocol/http/http1-head-reader.ts';

const runs = Number(process.env.FUZZ_RUNS ?? 2_000);

/** What we refuse and node:http takes, by what the error says; told in docs/decisions/010-own-http1-front.md. */
const stricter = [
  /Host is not the name of a host/,
  /there is no Host/,
  /two Host headers/,
  /Expect is not 100-continue/,
  /the request target is not a path/,
  /the request target holds a byte/,
  /Transfer-Encoding in HTTP\/1\.0/,
  /Transfer-Encoding is not "chunked"/,
  /is not spoken here/,
  /does not end in a version/,
  /the request line has no version/,
  /the method CONNECT/,
  /Content-Length is too large/,
  /Content-Length is not one number/,
  /no method/,
  /a chunk does not begin with its size/,
  /holds a control byte/,
];

interface Parsed {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly body: string;
}

interface Outcome {
  readonly requests: Parsed[];
  /** Why it went no further; empty: it ran out of bytes. */
  refusal: string;
}

/** What our parser makes of a stream. */
function ours(pieces: readonly Buffer[]): Outcome {
  const outcome: Outcome = { requests: [], refusal: '' };
  const heads = new HeadReader();
  let decoder: BodyDecoder | null = null;
  let head: ReturnType<HeadReader['read']> = null;
  let body = '';
  try {
    for (const piece of pieces) {
      let at = 0;
      while (at < piece.length) {
        if (head === null) {
          head = heads.read(piece, at);
          at += heads.consumed;
          if (head === null) continue;
          decoder = new BodyDecoder(head.isChunked ? null : (head.contentLength ?? 0));
          body = '';
        }
        at = decoder!.decode(piece, at, (data) => {
          body += data.toString('latin1');
        });
        if (!decoder!.isDone) continue;
        outcome.requests.push({ method: head.method, target: head.target, headers: head.headers, body });
        if (!head.keepsAlive) return outcome;
        head = null;
      }
    }
  } catch (thrown) {
    outcome.refusal = toPosternError(thrown).message;
  }
  return outcome;
}

/** What node:http makes of a stream. */
async function theirs(server: Server, seen: Map<unknown, Outcome>, pieces: readonly Buffer[]): Promise<Outcome> {
  const [client, far] = duplexPair();
  const outcome: Outcome = { requests: [], refusal: '' };
  seen.set(far, outcome);
  client.resume();
  client.on('error', () => {});
  const closed = new Promise((resolve) => far.once('close', resolve));
  server.emit('connection', far);
  for (const piece of pieces) client.write(piece);
  client.end();
  await closed;
  client.destroy();
  seen.delete(far);
  return outcome;
}

const name = fc.constantFrom(
  'A',
  'x-b',
  'Host',
  'Content-Length',
  'Transfer-Encoding',
  'Connection',
  'Expect',
  'Upgrade',
  'Te',
  '__proto__',
  'A B',
  'a(',
  '\xe9',
  '',
);
const value = fc.oneof(
  fc.constantFrom(
    '',
    'a',
    '0',
    '3',
    '5',
    '+3',
    '3, 3',
    '0x3',
    '03',
    '99999999999999999',
    'chunked',
    'Chunked',
    'gzip, chunked',
    'chunked, chunked',
    'identity',
  ),
  fc.constantFrom(
    'close',
    'keep-alive',
    'close, upgrade',
    '100-continue',
    'h2c',
    'a.b:80',
    '[::1]',
    'a/b',
    'a,b',
    '\t a \t',
    'a\tb',
    'a\0b',
    'a\rb',
    'a\nb',
    'a\r\n b',
    '\x7f',
    '\xe9\xff',
  ),
);
const eol = fc.oneof(
  { weight: 30, arbitrary: fc.constant('\r\n') },
  { weight: 1, arbitrary: fc.constantFrom('\n', '\r', '\r\r\n', ' \r\n', '\r\n ') },
);
const colon = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom(': ', ':') },
  { weight: 1, arbitrary: fc.constantFrom(' : ', ' :', '', '::') },
);
const field = fc.tuple(name, colon, value, eol).map((parts) => parts.join(''));
const method = fc.constantFrom(
  'GET',
  'GET',
  'POST',
  'POST',
  'OPTIONS',
  'HEAD',
  'M-SEARCH',
  'PROPFIND',
  'CONNECT',
  'get',
  'FOO',
  'G T',
  '',
);
const target = fc.constantFrom(
  '/',
  '/a?b=c',
  '/%00',
  '//a/b',
  '/a#b',
  '*',
  'a',
  'http://b/c',
  'HTTPS://b:8?c',
  'ftp://b/',
  'http://u@b/',
  'http://',
  '/a b',
  '/\xe9{|}',
  '/\x7f',
  '/\t',
  '',
);
const version = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom('HTTP/1.1', 'HTTP/1.0') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'HTTP/2.0',
      'HTTP/0.9',
      'HTTP/1.2',
      'http/1.1',
      'HTTP/1.10',
      'HTTP/1',
      'RTSP/1.0',
      'ICE/1.0',
      '',
    ),
  },
);
const chunk = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.constantFrom('3\r\nabc\r\n', 'A\r\n0123456789\r\n', '1;a=b\r\nx\r\n', '1;a="b;c"\r\nx\r\n'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '3 \r\nabc\r\n',
      '3\nabc\n',
      '3\r\nabcd\r\n',
      '-1\r\n',
      'fffffffffffffffff\r\n',
      '1;a b\r\nx\r\n',
      '1;\r\nx\r\n',
      '1;a=\r\nx\r\n',
      '1 ;a\r\nx\r\n',
      '0x1\r\nx\r\n',
      '\r\n',
      '01\r\nx\r\n',
      '1;a="b\r\nx\r\n',
    ),
  },
);
const lastChunk = fc.constantFrom(
  '0\r\n\r\n',
  '0\r\n\r\n',
  '0\r\n\r\n',
  '0\r\nA: b\r\n\r\n',
  '0\r\nContent-Length: 3\r\n\r\n',
  '0\r\nA : b\r\n\r\n',
  '0\r\nA\r\n\r\n',
  '0\n\n',
  '00\r\n\r\n',
  '0;a\r\n\r\n',
);
const framed = fc.oneof(
  fc.constant(['', '']),
  fc.constant(['', '']),
  fc.constantFrom(
    ['Content-Length: 5\r\n', 'hello'],
    ['Content-Length: 0\r\n', ''],
    ['content-length:05\r\n', 'hello'],
  ),
  fc
    .tuple(fc.array(chunk, { maxLength: 3 }), lastChunk)
    .map(([chunks, last]) => ['Transfer-Encoding: chunked\r\n', chunks.join('') + last]),
);
const host = fc.oneof(
  { weight: 10, arbitrary: fc.constant('Host: a\r\n') },
  { weight: 1, arbitrary: fc.constantFrom('', 'Host:\r\n', 'host: a\r\nHost: a\r\n', 'Host: a:99999\r\n') },
);
const request = fc
  .tuple(
    fc.constantFrom('', '', '', '\r\n', '\n', '\r\n\r\n'),
    method,
    target,
    version,
    eol,
    host,
    fc.array(field, { maxLength: 2 }),
    framed,
    eol,
  )
  .map(
    ([blank, m, t, v, end, h, fields, [header, body], last]) =>
      `${blank}${m} ${t} ${v}${end}${h}${fields.join('')}${header}${last}${body}`,
  );
const plain = fc
  .tuple(fc.constantFrom('GET', 'POST', 'PUT'), fc.constantFrom('/', '/a?b'), framed)
  .map(([m, t, [header, body]]) => `${m} ${t} HTTP/1.1\r\nHost: a\r\n${header}\r\n${body}`);
const mutation = fc.tuple(
  fc.nat(400),
  fc.constantFrom('insert', 'delete', 'replace', 'double'),
  fc.constantFrom(
    '\0',
    '\t',
    '\n',
    '\r',
    ' ',
    ':',
    ',',
    ';',
    '"',
    '0',
    '9',
    'f',
    'G',
    '/',
    '\x7f',
    '\x80',
    '\xff',
    '\r\n',
  ),
);
const stream = fc
  .tuple(fc.array(fc.oneof(request, plain), { minLength: 1, maxLength: 3 }), fc.array(mutation, { maxLength: 2 }))
  .map(([requests, mutations]) => mutations.reduce(mutate, requests.join('')));

function mutate(text: string, [place, kind, byte]: [number, string, string]): string {
  const at = place % Math.max(1, text.length);
  if (kind === 'insert') return text.slice(0, at) + byte + text.slice(at);
  if (kind === 'delete') return text.slice(0, at) + text.slice(at + 1);
  if (kind === 'replace') return text.slice(0, at) + byte + text.slice(at + 1);
  return text.slice(0, at) + text.slice(Math.max(0, at - 20), at) + text.slice(at);
}

function cut(text: string, cuts: readonly number[]): Buffer[] {
  const ends = [...cuts.map((one) => one % text.length).filter((one) => one > 0), text.length].sort((a, b) => a - b);
  return ends
    .map((end, n) => Buffer.from(text.slice(ends[n - 1] ?? 0, end), 'latin1'))
    .filter((piece) => piece.length > 0);
}

/** Absolute form is turned into origin form and Host by us, not by node:http. */
function inOurForm(parsed: Parsed): Parsed {
  const absolute = /^https?:\/\/([^/?]*)/i.exec(parsed.target);
  if (!absolute) return parsed;
  const rest = parsed.target.slice(absolute[0].length);
  const headers = [...parsed.headers];
  const at = headers.findIndex((text, n) => n % 2 === 0 && text.toLowerCase() === 'host');
  if (at === -1) headers.push('Host', absolute[1]!);
  else headers[at + 1] = absolute[1]!;
  if (rest === '' && parsed.method === 'OPTIONS') return { ...parsed, target: '*', headers };
  return { ...parsed, target: rest.startsWith('/') ? rest : `/${rest}`, headers };
}

describe('the HTTP/1.1 parser against node:http', () => {
  const seen = new Map<unknown, Outcome>();
  let server: Server;

  before(() => {
    const take: RequestListener = (incoming, outgoing) => {
      const outcome = seen.get(incoming.socket);
      let body = '';
      incoming.on('data', (data: Buffer) => (body += data.toString('latin1')));
      incoming.on('end', () => {
        const { method = '', url = '', rawHeaders } = incoming;
        outcome?.requests.push({ method, target: url, headers: rawHeaders, body });
        outgoing.end();
      });
      incoming.on('error', () => {});
    };
    // What node:http refuses after it was parsed is left to it here: it would go on with the next request.
    server = createServer({ maxHeaderSize: 131_072, insecureHTTPParser: false, requireHostHeader: false }, take);
    server.on('checkExpectation', take);
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const outcome = seen.get(socket);
      if (outcome) outcome.refusal ||= error.code ?? error.message;
      // Later: the request before it, in the same piece, is still being told.
      setImmediate(() => socket.destroy());
    });
  });

  after(() => server.close());

  it('accepts nothing that node:http refuses, and agrees on what both accept', async () => {
    const reasons = new Map<string, number>();
    let both = 0;
    await fc.assert(
      fc.asyncProperty(stream, fc.array(fc.nat(400), { maxLength: 4 }), async (text, cuts) => {
        fc.pre(text.length > 0);
        const pieces = cut(text, cuts);
        const mine = ours(pieces);
        const other = await theirs(server, seen, pieces);
        const agreed = Math.min(mine.requests.length, other.requests.length);
        assert.ok(mine.requests.length <= other.requests.length, `accepted what node:http refuses (${other.refusal})`);
        assert.deepEqual(mine.requests.slice(0, agreed), other.requests.slice(0, agreed).map(inOurForm));
        both += agreed;
        if (mine.requests.length === other.requests.length) return;
        const reason = stricter.find((one) => one.test(mine.refusal));
        assert.ok(reason, `refused what node:http accepts: ${mine.refusal}`);
        reasons.set(reason.source, (reasons.get(reason.source) ?? 0) + 1);
      }),
      { numRuns: runs },
    );
    assert.ok(both > runs / 10, `only ${both} requests were accepted by both: the streams are too broken to tell much`);
    if (process.env.FUZZ_RUNS)
      process.stdout.write(`${both} accepted by both; stricter: ${JSON.stringify([...reasons], null, 1)}\n`);
  });
});
