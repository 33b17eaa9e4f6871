// Makes streams of HTTP/1.1 requests for fuzzing: by the grammar, against it in the known ways, and mutated.

import fc from './seeded-fast-check.ts';

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
/** One to three requests behind each other, well formed or not, with up to two mutations. Byte strings. */
export const requestStream = fc
  .tuple(fc.array(fc.oneof(request, plain), { minLength: 1, maxLength: 3 }), fc.array(mutation, { maxLength: 2 }))
  .map(([requests, mutations]) => mutations.reduce(mutate, requests.join('')));

function mutate(text: string, [place, kind, byte]: [number, string, string]): string {
  const at = place % Math.max(1, text.length);
  if (kind === 'insert') return text.slice(0, at) + byte + text.slice(at);
  if (kind === 'delete') return text.slice(0, at) + text.slice(at + 1);
  if (kind === 'replace') return text.slice(0, at) + byte + text.slice(at + 1);
  return text.slice(0, at) + text.slice(Math.max(0, at - 20), at) + text.slice(at);
}

/** The stream's bytes, cut at those places. */
export function cutStream(text: string, cuts: readonly number[]): Buffer[] {
  const ends = [...cuts.map((one) => one % text.length).filter((one) => one > 0), text.length].sort((a, b) => a - b);
  return ends
    .map((end, n) => Buffer.from(text.slice(ends[n - 1] ?? 0, end), 'latin1'))
    .filter((piece) => piece.length > 0);
}
