// HTTP/2's messages as RFC 9113, section 8, has them, and fields in HPACK as RFC 7541 has them, one case a line with its section.

import assert from 'node:assert/strict';
import {
  codes,
  continuation,
  data,
  flags,
  headers,
  indexed,
  indexing,
  integer,
  literals,
  plain,
  request,
  reset,
  settingIds,
  settings,
  types,
} from '../support/http2-frames.ts';
import type { Http2Peer } from '../support/http2-peer.ts';
import { type Http2Case, runHttp2Cases } from './http2-cases.ts';

const { END_HEADERS, END_STREAM } = flags;
type Field = readonly [string, string];

const method: Field = [':method', 'GET'];
const scheme: Field = [':scheme', 'http'];
const path: Field = [':path', '/'];
const authority: Field = [':authority', 'a.example'];

/** A request of just these fields. */
const fields = (...list: readonly Field[]): Buffer => headers(1, literals(...list));
/** A GET with these fields beside its own. */
const get = (...list: readonly Field[]): Buffer => headers(1, request('GET', '/', ...list));
/** A POST with a body still to come. */
const post = (...list: readonly Field[]): Buffer => headers(1, request('POST', '/', ...list), END_HEADERS);
const block = (...parts: readonly Buffer[]): Buffer => headers(1, Buffer.concat(parts));
/** A block above the size of a frame. */
function inPieces(all: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < all.length; at += 16_384) pieces.push(all.subarray(at, at + 16_384));
  const [first, ...rest] = pieces;
  const end = (index: number): number => (index === rest.length ? END_HEADERS : 0);
  return [headers(1, first!, END_STREAM | end(0)), ...rest.map((piece, at) => continuation(1, piece, end(at + 1)))];
}
const many = (count: number): Field[] => Array.from({ length: count }, (_, at): Field => [`x-${at}`, 'y']);
const refused = 'reset PROTOCOL_ERROR';

/** What the answer's body must hold. */
const says =
  (...texts: readonly string[]) =>
  async (peer: Http2Peer): Promise<void> => {
    assert.equal(await peer.answer(), '200');
    await peer.until(() => peer.isWhole(1));
    for (const text of texts) assert.ok(peer.body().toString('latin1').includes(text), peer.body().toString('latin1'));
    assert.ok(await peer.isAlive());
  };

const messages: readonly Http2Case[] = [
  // Section 8.1: framing
  ['8.1', 'a request may have a body', [post(), data(1, 'abc', END_STREAM)], says('POST /', '[abc]')],
  [
    '8.1',
    'a body may come in pieces',
    [post(), data(1, 'ab'), data(1, ''), data(1, 'c'), data(1, '', END_STREAM)],
    says('[abc]'),
  ],
  [
    '8.1',
    'a trailer ends the request, and is dropped (rule 24)',
    [post(), data(1, 'abc'), headers(1, literals(['x-trailer', '1']))],
    async (peer) => {
      await says('[abc]')(peer);
      assert.ok(!peer.body().includes('x-trailer'));
    },
  ],
  [
    '8.1',
    'a second head that does not end the request is PROTOCOL_ERROR',
    [post(), data(1, 'abc'), headers(1, literals(['x-trailer', '1']), END_HEADERS)],
    refused,
  ],
  [
    '8.1',
    'a pseudo-header field in a trailer is PROTOCOL_ERROR',
    [post(), data(1, 'abc'), headers(1, literals([':method', 'GET']))],
    refused,
  ],
  [
    '8.1',
    'an answer that comes before the whole body ends with RST_STREAM NO_ERROR',
    [headers(1, request('POST', '/unread'), END_HEADERS)],
    async (peer) => {
      assert.equal(await peer.answer(), '200');
      await peer.until(() => peer.find(types.RST_STREAM, 1) !== undefined);
      assert.ok(peer.isWhole(1));
      assert.equal(peer.find(types.RST_STREAM, 1)!.payload.readUInt32BE(0), codes.NO_ERROR);
      assert.ok(await peer.isAlive());
    },
  ],
  [
    '8.1',
    'an answer without a body ends with its head',
    [headers(1, request('GET', '/204'))],
    async (peer) => {
      assert.equal(await peer.answer(), '204');
      await peer.until(() => peer.isWhole(1));
      assert.equal(peer.find(types.DATA, 1), undefined);
    },
  ],
  [
    '8.1',
    'an answer to HEAD has no body',
    [headers(1, request('HEAD'))],
    async (peer) => {
      assert.equal(await peer.answer(), '200');
      await peer.until(() => peer.isWhole(1));
      assert.equal(peer.find(types.DATA, 1), undefined);
    },
  ],
  [
    '8.1',
    '304 has no body',
    [headers(1, request('GET', '/304'))],
    async (peer) => {
      assert.equal(await peer.answer(), '304');
      await peer.until(() => peer.isWhole(1));
      assert.equal(peer.find(types.DATA, 1), undefined);
    },
  ],
  [
    '8.1.1',
    'Content-Length above what comes is PROTOCOL_ERROR',
    [post(['content-length', '4']), data(1, 'abc', END_STREAM)],
    refused,
  ],
  ['8.1.1', 'Content-Length of a request without a body is PROTOCOL_ERROR', [get(['content-length', '3'])], refused],
  ['8.1.1', 'Content-Length of 0 needs no body', [get(['content-length', '0'])], says('GET /')],
  [
    '8.1.1',
    'Content-Length of 0 may be followed by the end',
    [post(['content-length', '0']), data(1, '', END_STREAM)],
    says('POST /'),
  ],
  [
    '8.1.1',
    'Content-Length that is right is told',
    [post(['content-length', '3']), data(1, 'abc', END_STREAM)],
    says('content-length|3', '[abc]'),
  ],
  [
    '8.1.1',
    'Content-Length that is no number is PROTOCOL_ERROR',
    [post(['content-length', 'x']), data(1, 'abc', END_STREAM)],
    refused,
  ],
  [
    '8.1.1',
    'Content-Length with a sign is PROTOCOL_ERROR',
    [post(['content-length', '+3']), data(1, 'abc', END_STREAM)],
    refused,
  ],
  [
    '8.1.1',
    'Content-Length that comes twice is PROTOCOL_ERROR',
    [post(['content-length', '3'], ['content-length', '3']), data(1, 'abc', END_STREAM)],
    refused,
  ],
  [
    '8.1.1',
    'Content-Length of two numbers is PROTOCOL_ERROR',
    [post(['content-length', '3'], ['content-length', '4']), data(1, 'abc', END_STREAM)],
    refused,
  ],
  [
    '8.1.1',
    'Content-Length beyond all numbers is PROTOCOL_ERROR',
    [post(['content-length', '99999999999999999999'])],
    refused,
  ],
  // Section 8.2: fields
  [
    '8.2',
    'fields come as they were sent, with bytes above 0x7f',
    [get(['x-name', 'caf\xe9'], ['x-empty', ''])],
    says('x-name|caf\xe9|x-empty|'),
  ],
  ['8.2.1', 'a name with a capital is PROTOCOL_ERROR', [get(['X-Name', '1'])], refused],
  ['8.2.2', 'Connection is PROTOCOL_ERROR', [get(['connection', 'keep-alive'])], refused],
  ['8.2.2', 'Connection: close is PROTOCOL_ERROR', [get(['connection', 'close'])], refused],
  ['8.2.2', 'Keep-Alive is PROTOCOL_ERROR', [get(['keep-alive', 'timeout=5'])], refused],
  ['8.2.2', 'Proxy-Connection is PROTOCOL_ERROR', [get(['proxy-connection', 'keep-alive'])], refused],
  [
    '8.2.2',
    'Transfer-Encoding is PROTOCOL_ERROR',
    [post(['transfer-encoding', 'chunked']), data(1, '0\r\n\r\n', END_STREAM)],
    refused,
  ],
  ['8.2.2', 'Upgrade is PROTOCOL_ERROR', [get(['upgrade', 'h2c'])], refused],
  ['8.2.2', 'TE may be "trailers"', [get(['te', 'trailers'])], says('te|trailers')],
  ['8.2.2', 'TE of another value is PROTOCOL_ERROR', [get(['te', 'gzip'])], refused],
  ['8.2.2', 'TE of "trailers" with another value is PROTOCOL_ERROR', [get(['te', 'trailers, deflate;q=0.5'])], refused],
  [
    '8.2.3',
    'Cookie that comes in pieces is one',
    [get(['cookie', 'a=1'], ['x-other', '1'], ['cookie', 'b=2'], ['cookie', 'c=3'])],
    says('cookie|a=1; b=2; c=3|x-other|1'),
  ],
  // Section 8.3: control data
  [
    '8.3',
    'an unknown pseudo-header field is PROTOCOL_ERROR',
    [fields(method, scheme, path, authority, [':test', 'ok'])],
    refused,
  ],
  [
    '8.3',
    'a pseudo-header field of answers is PROTOCOL_ERROR',
    [fields(method, scheme, path, authority, [':status', '200'])],
    refused,
  ],
  [
    '8.3',
    'a pseudo-header field after another one is PROTOCOL_ERROR',
    [fields(method, scheme, ['x-name', '1'], path, authority)],
    refused,
  ],
  [
    '8.3',
    'a pseudo-header field that comes twice is PROTOCOL_ERROR',
    [fields(method, scheme, path, path, authority)],
    refused,
  ],
  ['8.3.1', ':method must be there', [fields(scheme, path, authority)], refused],
  ['8.3.1', ':scheme must be there', [fields(method, path, authority)], refused],
  ['8.3.1', ':path must be there', [fields(method, scheme, authority)], refused],
  ['8.3.1', ':path must not be empty', [fields(method, scheme, [':path', ''], authority)], refused],
  ['8.3.1', ':method twice is PROTOCOL_ERROR', [fields(method, method, scheme, path, authority)], refused],
  ['8.3.1', ':scheme twice is PROTOCOL_ERROR', [fields(method, scheme, scheme, path, authority)], refused],
  ['8.3.1', ':authority twice is PROTOCOL_ERROR', [fields(method, scheme, path, authority, authority)], refused],
  ['8.3.1', ':authority is Host', [get()], says('Host|a.example')],
  [
    '8.3.1',
    'Host will do where :authority is not there',
    [fields(method, scheme, path, ['host', 'b.example'])],
    says('Host|b.example'),
  ],
  ['8.3.1', 'Host may be the same as :authority', [get(['host', 'A.example'])], says('Host|a.example')],
  ['8.3.1', 'Host that is another name than :authority is 400', [get(['host', 'b.example'])], '400'],
  ['8.3.1', 'two Hosts are refused', [get(['host', 'a.example'], ['host', 'a.example'])], refused],
  ['8.3.1', ':authority that is no host is refused', [fields(method, scheme, path, [':authority', 'a/../b'])], refused],
  [
    '8.3.1',
    ':authority with a user is refused',
    [fields(method, scheme, path, [':authority', 'user@a.example'])],
    refused,
  ],
  ['8.3.1', 'neither :authority nor Host is refused', [fields(method, scheme, path)], refused],
  [
    '8.3.1',
    'a path of any bytes but control bytes is told',
    [headers(1, request('GET', '/a%20b?c={d}|\xe9'))],
    says('GET /a%20b?c={d}|\xe9 '),
  ],
  ['8.3.1', 'a path that does not begin with "/" is refused', [headers(1, request('GET', 'a'))], refused],
  ['8.3.1', 'a path that is a URL is refused', [headers(1, request('GET', 'http://a.example/'))], refused],
  ['8.3.1', 'a path with a space is refused', [headers(1, request('GET', '/a b'))], refused],
  ['8.3.1', 'a path with "#" is refused', [headers(1, request('GET', '/a#b'))], '400'],
  ['8.3.1', 'a path with CR LF is refused', [headers(1, request('GET', '/a\r\nb'))], refused],
  ['8.3.1', 'OPTIONS may ask for "*"', [headers(1, request('OPTIONS', '*'))], says('OPTIONS *')],
  ['8.3.1', 'other methods may not', [headers(1, request('GET', '*'))], refused],
  ['8.3.1', 'any token is a method', [headers(1, request('M-SEARCH'))], says('M-SEARCH /')],
  ['8.3.1', 'a method that is no token is refused', [headers(1, request('G T'))], refused],
  [
    '8.3.1',
    'a scheme that is neither http nor https is 400',
    [fields(method, [':scheme', 'ftp'], path, authority)],
    '400',
  ],
  ['8.3.1', 'a path above 16 KiB is 414', inPieces(request('GET', `/${'x'.repeat(17_000)}`)), '414'],
  ['10.5.1', '200 fields are taken, Host among them', inPieces(request('GET', '/', ...many(199))), '200'],
  ['10.5.1', 'more than 200 fields are 431 (rule 14)', inPieces(request('GET', '/', ...many(200))), '431'],
  [
    '10.5.1',
    'pieces of Cookie are one field',
    inPieces(request('GET', '/', ...Array<Field>(300).fill(['cookie', 'a=1']))),
    '200',
  ],
  [
    '10.5.1',
    'more than 400 fields are ENHANCE_YOUR_CALM',
    inPieces(request('GET', '/', ...many(400))),
    'reset ENHANCE_YOUR_CALM',
  ],
  [
    '10.5.1',
    'fields above 64 KiB are 431 (rule 14)',
    inPieces(request('GET', '/', ...Array.from({ length: 7 }, (_, at): Field => [`x-${at}`, 'y'.repeat(10_000)]))),
    '431',
  ],
  [
    '10.5.1',
    'CONTINUATION without an end is no endless block (CVE-2024-27316)',
    [
      headers(1, request(), END_STREAM),
      ...Array.from({ length: 100 }, () => continuation(1, literals(['x-name', 'y'.repeat(1_000)]), 0)),
    ],
    'goaway ENHANCE_YOUR_CALM',
  ],
  ['8.5', 'CONNECT is 501', [fields([':method', 'CONNECT'], authority)], '501'],
  ['8.5', 'CONNECT with :path is PROTOCOL_ERROR', [fields([':method', 'CONNECT'], scheme, path, authority)], refused],
  [
    '8.4',
    'nothing is ever pushed',
    [get(), headers(3, request())],
    async (peer) => {
      assert.equal(await peer.answer(3), '200');
      assert.equal(peer.find(types.PUSH_PROMISE), undefined);
    },
  ],
  [
    '8.6',
    'requests are answered as they are done, not in their order',
    [headers(1, request('GET', '/slow')), headers(3, request())],
    async (peer) => {
      assert.equal(await peer.answer(3), '200');
      assert.equal(peer.find(types.HEADERS, 1), undefined);
    },
  ],
  [
    '8.7',
    'a request that was reset before its end leaves the others alone',
    [post(), data(1, 'half'), reset(1), headers(3, request())],
    async (peer) => {
      assert.equal(await peer.answer(3), '200');
      assert.ok(await peer.isAlive());
    },
  ],
  [
    '9110, 10.1.1',
    'a client that waits is told to continue',
    [post(['expect', '100-continue'])],
    async (peer) => {
      await peer.until((frames) => frames.some(({ type }) => type === types.HEADERS));
      peer.send(data(1, 'abc', END_STREAM));
      await says('[abc]')(peer);
      assert.equal(peer.frames.filter(({ type }) => type === types.HEADERS).length, 2);
    },
  ],
  ['9110, 10.1.1', 'an expectation of another kind is 417', [get(['expect', 'x'])], '417'],
  [
    '8.1.1',
    'Content-Length below what comes is PROTOCOL_ERROR',
    [post(['content-length', '1']), data(1, 'abc', END_STREAM)],
    refused,
  ],
  [
    '8.1.1',
    'Content-Length below what comes in pieces is PROTOCOL_ERROR',
    [post(['content-length', '5']), data(1, 'abc'), data(1, 'abc', END_STREAM)],
    refused,
  ],
  ['8.2.1', 'an empty name is PROTOCOL_ERROR', [get(['', '1'])], refused],
  ['8.2.1', 'a name with a space is PROTOCOL_ERROR', [get(['x name', '1'])], refused],
  ['8.2.1', 'a name with a control byte is PROTOCOL_ERROR', [get(['x\x01name', '1'])], refused],
  ['8.2.1', 'a name with a byte above 0x7f is PROTOCOL_ERROR', [get(['x\xe9', '1'])], refused],
  ['8.2.1', 'a name with a colon is PROTOCOL_ERROR', [get(['x:name', '1'])], refused],
  ['8.2.1', 'a value with NUL is PROTOCOL_ERROR', [get(['x-name', 'a\0b'])], refused],
  ['8.2.1', 'a value with CR is PROTOCOL_ERROR', [get(['x-name', 'a\rb'])], refused],
  ['8.2.1', 'a value with LF is PROTOCOL_ERROR', [get(['x-name', 'a\nb'])], refused],
  ['8.2.1', 'a value with CR LF and a field is PROTOCOL_ERROR', [get(['x-name', 'a\r\nhost: b'])], refused],
  ['8.2.1', 'a value that begins with a space is PROTOCOL_ERROR', [get(['x-name', ' a'])], refused],
  ['8.2.1', 'a value that ends with a tab is PROTOCOL_ERROR', [get(['x-name', 'a\t'])], refused],
];

const huffmanHost = Buffer.from('8cf1e3c2e5f23a6ba0ab90f4ff', 'hex');
/** :method GET, :scheme http, :path / from the static table. */
const known = Buffer.concat([indexed(2), indexed(6), indexed(4)]);
const host = Buffer.concat([Buffer.from([0x01]), plain('a.example')]);

/** The block of the first stream is good, and that of the third is not. */
const brokenOnThird = async (peer: Http2Peer): Promise<void> => {
  assert.equal(await peer.ended(), 'COMPRESSION_ERROR');
  assert.equal(peer.find(types.HEADERS, 3), undefined);
};

const hpack: readonly Http2Case[] = [
  [
    '7541, 2.3.2',
    'fields of the dynamic table are found again',
    [
      block(known, Buffer.from([0x41]), plain('a.example'), indexing('x-name', 'one')),
      headers(3, Buffer.concat([known, indexed(63), indexed(62)])),
    ],
    async (peer) => {
      assert.equal(await peer.answer(3), '200');
      await peer.until(() => peer.isWhole(3));
      assert.match(peer.body(3).toString(), /Host\|a\.example\|x-name\|one/);
    },
  ],
  [
    '7541, 2.3.3',
    'an index beyond both tables is COMPRESSION_ERROR',
    [block(known, host, indexed(70))],
    'goaway COMPRESSION_ERROR',
  ],
  [
    '7541, 2.3.3',
    'a name beyond both tables is COMPRESSION_ERROR',
    [block(known, host, integer(70, 4, 0), plain('x'))],
    'goaway COMPRESSION_ERROR',
  ],
  [
    '7541, 4.1',
    'a field larger than the table empties it',
    [block(known, host, indexing('x-large', 'x'.repeat(4_096))), headers(3, Buffer.concat([known, host, indexed(62)]))],
    brokenOnThird,
  ],
  [
    '7541, 4.2',
    "a change of the table's size at the end of a block is COMPRESSION_ERROR",
    [block(known, host, integer(10, 5, 0x20))],
    'goaway COMPRESSION_ERROR',
  ],
  [
    '7541, 4.2',
    "a change of the table's size at the beginning is taken",
    [block(integer(0, 5, 0x20), known, host)],
    '200',
  ],
  [
    '7541, 4.2',
    "two changes of the table's size are taken",
    [block(integer(0, 5, 0x20), integer(4_096, 5, 0x20), known, host)],
    '200',
  ],
  [
    '7541, 4.4',
    'the table forgets what does not fit',
    [
      block(integer(40, 5, 0x20), known, host, indexing('x-a', '1'), indexing('x-b', '2')),
      headers(3, Buffer.concat([known, host, indexed(63)])),
    ],
    brokenOnThird,
  ],
  [
    '7541, 5.1',
    'an integer of several bytes is read',
    [block(known, host, Buffer.from([0]), plain('x-name'), integer(300, 7, 0), Buffer.alloc(300, 'y'))],
    says('y'.repeat(300)),
  ],
  [
    '7541, 5.1',
    'an integer that does not end is COMPRESSION_ERROR',
    [block(known, Buffer.from('1fffffffffffffffffffff', 'hex'))],
    'goaway COMPRESSION_ERROR',
  ],
  [
    '7541, 5.2',
    'a string in Huffman code is read',
    [block(known, Buffer.from([0x41]), huffmanHost)],
    says('Host|www.example.com'),
  ],
  [
    '7541, 5.2',
    'a Huffman code that is padded with a byte is COMPRESSION_ERROR',
    [block(known, host, Buffer.from('0085f2b24a84ff874951fffffffa7f', 'hex'))],
    'goaway COMPRESSION_ERROR',
  ],
  [
    '7541, 5.2',
    'a Huffman code that is padded with zeros is COMPRESSION_ERROR',
    [block(known, host, Buffer.from('0085f2b24a84ff83497a90', 'hex'))],
    'goaway COMPRESSION_ERROR',
  ],
  [
    '7541, 5.2',
    'a Huffman code with EOS is COMPRESSION_ERROR',
    [block(known, host, Buffer.from('0085f2b24a84ff8749519fffffffff', 'hex'))],
    'goaway COMPRESSION_ERROR',
  ],
  [
    '7541, 5.2',
    'a string that is longer than its block is COMPRESSION_ERROR',
    [block(known, host, Buffer.from([0x00, 0x05, 0x61]))],
    'goaway COMPRESSION_ERROR',
  ],
  ['7541, 6.1', 'an index of 0 is COMPRESSION_ERROR', [block(known, host, indexed(0))], 'goaway COMPRESSION_ERROR'],
  [
    '7541, 6.1',
    'fields of the static table are read',
    [block(known, host, indexed(16))],
    says('accept-encoding|gzip, deflate'),
  ],
  [
    '7541, 6.2.1',
    'a literal with a name of the table is read, and kept',
    [block(known, Buffer.from([0x41]), plain('a.example')), headers(3, Buffer.concat([known, indexed(62)]))],
    async (peer) => {
      assert.equal(await peer.answer(3), '200');
    },
  ],
  [
    '7541, 6.2.2',
    'a literal that is not indexed is not kept',
    [block(known, host), headers(3, Buffer.concat([known, indexed(62)]))],
    brokenOnThird,
  ],
  [
    '7541, 6.2.3',
    'a literal that is never indexed is read',
    [block(known, Buffer.from([0x11]), plain('a.example'))],
    says('Host|a.example'),
  ],
  [
    '7541, 6.3',
    'a table larger than was allowed is COMPRESSION_ERROR',
    [block(integer(4_097, 5, 0x20), known, host)],
    'goaway COMPRESSION_ERROR',
  ],
  ['7541, 6.3', 'a block in pieces is read as one', [headers(1, known, END_STREAM), continuation(1, host)], '200'],
  [
    '7541, 4.2',
    'a smaller table that the client asks for is used',
    [settings([[settingIds.HEADER_TABLE_SIZE, 0]]), block(known, host), headers(3, Buffer.concat([known, host]))],
    async (peer) => {
      assert.equal(await peer.answer(1), '200');
      assert.equal(await peer.answer(3), '200');
    },
  ],
];

runHttp2Cases('HTTP/2 messages (RFC 9113, section 8)', messages);
runHttp2Cases('HPACK (RFC 7541)', hpack);
