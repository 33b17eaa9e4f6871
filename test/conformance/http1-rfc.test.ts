// HTTP/1.1 as the RFCs have it, one case a line with its section: what a client sends, what it gets, and whether its connection goes on.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HttpHandler } from '../../src/gateway/message.ts';
import { startFront } from '../support/http1-front.ts';
import { RawClient } from '../support/raw-client.ts';

/** Answers with method, target and body; "/204" and its like with that status, "/length?N" with that Content-Length, "/close" ends the connection. */
const handler: HttpHandler = (request, answer) => {
  const { method, target, headers, body } = request;
  const respond = (text: string): void => {
    const status = /^\/(\d{3})$/.exec(target)?.[1];
    const length = /^\/length\?(\d+)$/.exec(target)?.[1];
    const reason = target === '/reason' ? 'As You Like It' : '';
    answer.head(Number(status ?? 200), length === undefined ? [] : ['Content-Length', length], {
      reason,
      closes: target === '/close',
    });
    const host = headers[headers.findIndex((name) => name.toLowerCase() === 'host') + 1] ?? '';
    answer.write(Buffer.from(`${method} ${target} ${host} [${text}]`, 'latin1'));
    if (target === '/flush') answer.flush();
    answer.end();
  };
  if (body === null || target === '/unread') {
    respond('');
    return;
  }
  body.toArray().then(
    (chunks) => respond(Buffer.concat(chunks as Buffer[]).toString('latin1')),
    () => answer.head(400, []),
  );
};

/** What the client gets: the statuses of the answers that came, and what must, or must not, stand in them. */
interface Expected {
  readonly statuses: readonly number[];
  readonly has?: string | RegExp;
  readonly lacks?: RegExp;
  readonly isOpen: boolean;
}

const get = (lines = '', target = '/'): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n${lines}\r\n`;
const post = (lines: string, body: string): string => `POST / HTTP/1.1\r\nHost: a\r\n${lines}\r\n${body}`;
const chunked = (body: string): string => post('Transfer-Encoding: chunked\r\n', body);

const open = (has?: string | RegExp, lacks?: RegExp): Expected => answered([200], true, has, lacks);
const ended = (has?: string | RegExp, lacks?: RegExp): Expected => answered([200], false, has, lacks);
const refused = (status: number): Expected => ({ statuses: [status], isOpen: false });

function answered(statuses: readonly number[], isOpen: boolean, has?: string | RegExp, lacks?: RegExp): Expected {
  return { statuses, isOpen, ...(has !== undefined && { has }), ...(lacks !== undefined && { lacks }) };
}

const cases: readonly [section: string, what: string, sent: string, expected: Expected][] = [
  // RFC 9112, section 2: the message
  ['9112, 2.2', 'one empty line before a request is overlooked', `\r\n${get()}`, open('GET / a')],
  ['9112, 2.2', 'a bare CR is refused', 'GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n', refused(400)],
  ['9112, 2.2', 'a line that ends in LF alone is refused', 'GET / HTTP/1.1\nHost: a\n\n', refused(400)],
  [
    '9112, 2.2',
    'white space between the request line and the first field is refused',
    'GET / HTTP/1.1\r\n Host: a\r\n\r\n',
    refused(400),
  ],
  ['9112, 2.3', 'the version is told as our own', get(), open(/^HTTP\/1\.1 200 /)],
  [
    '9112, 2.3',
    'an answer to HTTP/1.0 is HTTP/1.1 without chunks',
    'GET /flush HTTP/1.0\r\n\r\n',
    ended(/^HTTP\/1\.1 200 /, /chunked/),
  ],
  ['9112, 2.3', 'a lower-case name of HTTP is refused', 'GET / http/1.1\r\nHost: a\r\n\r\n', refused(400)],
  ['9110, 2.5', 'another major version is 505', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', refused(505)],
  ['9112, 3', 'HTTP/0.9 is 400 at once', 'GET /\r\n', refused(400)],
  // Section 3: the request line
  ['9112, 3', 'two spaces in the request line are refused', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', refused(400)],
  ['9112, 3', 'a space at the end of the request line is refused', 'GET / HTTP/1.1 \r\nHost: a\r\n\r\n', refused(400)],
  [
    '9112, 3.1',
    'any token is a method',
    "M!#$%&'*+-.^_`|~9 / HTTP/1.1\r\nHost: a\r\n\r\n",
    open("M!#$%&'*+-.^_`|~9 / a"),
  ],
  ['9112, 3.1', 'a method keeps its case', 'get / HTTP/1.1\r\nHost: a\r\n\r\n', open('get / a')],
  ['9112, 3.1', 'a method that is no token is refused', 'G(T / HTTP/1.1\r\nHost: a\r\n\r\n', refused(400)],
  ['9110, 9.3.6', 'CONNECT is 501', 'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n', refused(501)],
  ['9112, 3.2', 'a space in the target is refused', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', refused(400)],
  ['9112, 3', 'a target above the limit is 414', get('', `/${'a'.repeat(17_000)}`), refused(414)],
  ['9112, 3.2.1', 'a query without a path in it stays as it is', get('', '/?a=b?c'), open('GET /?a=b?c a')],
  ['9112, 3.2.1', 'raw bytes above 0x7F are taken as they are', get('', '/\xe9'), open('GET /\xe9 a')],
  ['9112, 3.2.2', 'absolute form: its host wins over Host', get('', 'http://b/x'), open('GET /x b ')],
  ['9112, 3.2.2', 'absolute form without a path is "/"', get('', 'http://b'), open('GET / b ')],
  ['9112, 3.2.3', 'authority form is for CONNECT alone', get('', 'a:80'), refused(400)],
  ['9112, 3.2.4', 'asterisk form is for OPTIONS', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', open('OPTIONS * a')],
  ['9112, 3.2.4', 'asterisk form of a GET is refused', get('', '*'), refused(400)],
  ['9112, 3.2', 'no Host is refused', 'GET / HTTP/1.1\r\n\r\n', refused(400)],
  ['9112, 3.2', 'two Hosts are refused', 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', refused(400)],
  ['9112, 3.2', 'an invalid Host is refused', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', refused(400)],
  [
    '3986, 3.2.2',
    'an IPv6 address as Host',
    'GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n',
    open('[2001:db8::1]:80'),
  ],
  [
    '3986, 3.2.2',
    'brackets without an IPv6 address are refused',
    'GET / HTTP/1.1\r\nHost: [:::::::]\r\n\r\n',
    refused(400),
  ],
  ['9112, 3.2', 'HTTP/1.0 needs no Host', 'GET / HTTP/1.0\r\n\r\n', ended('GET / ')],
  // Section 5: fields
  ['9112, 5', 'names in any case', 'GET / HTTP/1.1\r\nhOsT: a\r\n\r\n', open('GET / a')],
  [
    '9112, 5',
    'white space around a value is not part of it',
    'GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n',
    open('GET / a ['),
  ],
  ['9112, 5.1', 'white space before the colon is refused', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', refused(400)],
  ['9112, 5.2', 'a folded line is refused', get('X: a\r\n b\r\n'), refused(400)],
  ['9110, 5.5', 'a NUL in a value is refused', get('X: a\0b\r\n'), refused(400)],
  ['9110, 5.5', 'an empty value is taken', get('X:\r\n'), open('GET / a')],
  ['9110, 5.4', 'too many fields are 431', get('X: a\r\n'.repeat(300)), refused(431)],
  // Section 6: the body
  [
    '9112, 6.1',
    'chunked in HTTP/1.0 is refused',
    'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    refused(400),
  ],
  [
    '9112, 6.1',
    'a coding besides chunked is 501',
    post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'),
    refused(501),
  ],
  [
    '9112, 6.1',
    'the same in two fields',
    post('Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    refused(501),
  ],
  [
    '9112, 6.1',
    'an empty field before chunked is refused',
    post('Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    refused(400),
  ],
  ['9112, 6.1', 'an empty Transfer-Encoding is refused', post('Transfer-Encoding:\r\n', ''), refused(400)],
  ['9112, 6.1', 'chunked twice is refused', post('Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n'), refused(400)],
  [
    '9112, 6.3',
    'a last coding that is not chunked is refused',
    post('Transfer-Encoding: chunked, gzip\r\n', ''),
    refused(400),
  ],
  ['9112, 7', 'codings in any case', post('Transfer-Encoding: CHUNKED\r\n', '0\r\n\r\n'), open('POST / a []')],
  [
    '9112, 6.3',
    'Content-Length beside Transfer-Encoding is refused',
    post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    refused(400),
  ],
  ['9112, 6.3', 'a length that is no number is refused', post('Content-Length: 5a\r\n', 'abcde'), refused(400)],
  ['9112, 6.3', 'a list of lengths is refused', post('Content-Length: 5, 5\r\n', 'abcde'), refused(400)],
  ['9110, 8.6', 'a body of its length', post('Content-Length: 5\r\n', 'abcde'), open('[abcde]')],
  ['9112, 6.3', 'a request without a length has no body', get(), open('GET / a []')],
  ['9110, 9.3.1', 'GET may have a body', 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc', open('[abc]')],
  // Section 7: chunks
  ['9112, 7.1', 'chunks are joined', chunked('3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'), open('[abcde]')],
  [
    '9112, 7.1',
    'sizes in hex, with zeros before, in any case',
    chunked('00A\r\n0123456789\r\n0\r\n\r\n'),
    open('[0123456789]'),
  ],
  ['9112, 7.1.1', 'extensions are overlooked', chunked('3;a=b;c="d;e"\r\nabc\r\n0;f\r\n\r\n'), open('[abc]')],
  [
    '9112, 7.1.1',
    'white space around ";" and "=" of an extension is taken',
    chunked('3 ; a = b\t;c\r\nabc\r\n0\r\n\r\n'),
    open('[abc]'),
  ],
  ['9112, 7.1', 'a size that is too large is refused', chunked('fffffffffffffffff\r\n'), refused(400)],
  ['9112, 7.1.2', 'trailers are dropped', chunked('0\r\nX-A: b\r\n\r\n'), open('[]', /X-A/)],
  ['9112, 7.1.2', 'a trailer that frames is refused', chunked('0\r\nContent-Length: 3\r\n\r\n'), refused(400)],
  // Section 9: the connection
  ['9112, 9.3', 'a connection goes on', get() + get('', '/2'), answered([200, 200], true, /\/2 a/)],
  [
    '9112, 9.3',
    'HTTP/1.0 goes on where it asks for it, and is told so',
    'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
    open(/Connection: keep-alive/i),
  ],
  ['9112, 9.3', 'HTTP/1.0 ends else', 'GET / HTTP/1.0\r\n\r\n', ended(/Connection: close/i)],
  [
    '9112, 9.3.2',
    'pipelined requests are answered in their order',
    get('', '/1') + get('', '/2') + get('', '/3'),
    answered([200, 200, 200], true, /\/1 a[\s\S]*\/2 a[\s\S]*\/3 a/),
  ],
  ['9112, 9.6', 'close is kept to, and told', get('Connection: close\r\n') + get(), ended(/Connection: close/i)],
  ['9112, 9.6', 'close among other options, in any case', get('Connection: foo, CLOSE\r\n'), ended()],
  ['9112, 9.6', 'a handler may end the connection', get('', '/close') + get(), ended(/Connection: close/i)],
  ['9110, 7.8', 'Upgrade is ignored', get('Connection: Upgrade\r\nUpgrade: h2c\r\n'), open('GET / a', /Upgrade/i)],
  // RFC 9110: statuses and their framing
  [
    '9110, 9.3.2',
    'HEAD has the length and no body',
    'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n',
    open(/\r\n\r\n$/, /HEAD \//),
  ],
  [
    '9110, 15.3.5',
    '204 has neither body nor length',
    get('', '/204'),
    answered([204], true, /\r\n\r\n$/, /Content-Length|chunked/i),
  ],
  [
    '9110, 15.3.6',
    '205 has the length 0 and no body',
    get('', '/205'),
    answered([205], true, /Content-Length: 0\r\n[\s\S]*\r\n\r\n$/i, /chunked|GET/),
  ],
  ['9110, 15.4.5', '304 has no body', get('', '/304'), answered([304], true, /\r\n\r\n$/, /GET/)],
  ['9110, 6.6.1', 'an answer tells its date', get(), open(/Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/)],
  ['9112, 4', 'a reason phrase of the program stays', get('', '/reason'), open(/^HTTP\/1\.1 200 As You Like It\r\n/)],
  [
    '9112, 6.3',
    'an answer longer than its length is cut, and the connection ends',
    get('', '/length?3'),
    ended(/\r\n\r\nGET$/),
  ],
  ['9112, 8', 'an answer shorter than its length ends the connection', get('', '/length?300'), ended(/GET \/length/)],
  [
    '9112, 7.1',
    'an answer of unknown length is chunked',
    get('', '/flush'),
    open(/Transfer-Encoding: chunked[\s\S]*\r\n0\r\n\r\n$/i),
  ],
  // Expect
  [
    '9110, 10.1.1',
    '100 comes before the answer, when the body is read',
    post('Expect: 100-continue\r\nContent-Length: 0\r\n', ''),
    open('POST / a'),
  ],
  [
    '9110, 10.1.1',
    'a body that came already needs no 100',
    post('Expect: 100-Continue\r\nContent-Length: 3\r\n', 'abc'),
    open('[abc]', /100 Continue/),
  ],
  ['9110, 10.1.1', 'another expectation is 417', get('Expect: the-unexpected\r\n'), refused(417)],
  // What is no HTTP
  [
    '8446, 4.1',
    'a TLS hello is told that it meant another port',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    { ...refused(400), has: 'HTTPS' },
  ],
];

describe('HTTP/1.1', () => {
  for (const [section, what, sent, expected] of cases) {
    it(`${what} (RFC ${section})`, async (t) => {
      const { port } = await startFront(t, { handler });
      const client = await RawClient.connect(t, port);
      client.send(sent);
      if (expected.isOpen) {
        await client.until(
          () => statusesOf(client.received).length >= expected.statuses.length && isQuiet(client, expected),
        );
        client.send(get('Connection: close\r\n', '/last'));
      }
      const text = await client.untilEnd();
      const whole = expected.isOpen ? text.slice(0, text.lastIndexOf('HTTP/1.1 ')) : text;
      assert.deepEqual(statusesOf(whole), expected.statuses, text);
      if (expected.isOpen) assert.match(text, /GET \/last a \[\]$/);
      if (typeof expected.has === 'string') assert.ok(whole.includes(expected.has), text);
      else if (expected.has !== undefined) assert.match(whole, expected.has);
      if (expected.lacks !== undefined) assert.doesNotMatch(whole, expected.lacks);
    });
  }
});

function statusesOf(text: string): number[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
}

/** Whether the last answer has come in full, as far as it can be seen. */
function isQuiet({ received }: RawClient, { has }: Expected): boolean {
  return typeof has === 'string' ? received.includes(has) : has === undefined || has.test(received);
}
