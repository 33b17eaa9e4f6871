// What a client gets from every backend, whatever the program behind it does: the rows of "answers from programs", as one suite.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Http1Front } from '../../src/front/http1.ts';
import { createGateway } from '../../src/gateway/handle.ts';
import type { Backend } from '../../src/protocol/cgi/exchange.ts';
import { temporaryFolder } from '../support/folder.ts';
import { RawClient } from '../support/raw-client.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { route, siteDefaults, writeFiles } from '../support/site.ts';
import { until } from '../support/until.ts';

/** Starts a backend whose programs give the answers of `fixtures/faulty-answers.ts`; it ends with the test. */
export type MakeBackend = (t: TestContext, given: BackendGiven) => Promise<Backend> | Backend;

/** What a backend is started with. */
export interface BackendGiven {
  readonly requestTimeoutMs: number;
  /** Where the file is that "sendfile" names. */
  readonly folder: string;
}

/** What a kind of backend is, where the rows differ. */
export interface BackendTraits {
  readonly speaksFastcgi: boolean;
  /** Time limit of a request that hangs; more than an answer takes where each one starts a program. @default 700 */
  readonly limitMs?: number;
}

/** What a client gets: an error's status; an answer that is cut; or an answer that holds, and does not hold, these. */
type Expected = number | 'aborted' | { readonly has: readonly RegExp[]; readonly hasNot?: RegExp };

interface Row {
  readonly row: string;
  readonly name: string;
  readonly expected: Expected;
  readonly method?: string;
}

const row = (text: string, name: string, expected: Expected, method = 'GET'): Row => ({
  row: text,
  name,
  expected,
  method,
});
const ok = /^HTTP\/1\.1 200 /;

const rows: readonly Row[] = [
  row('answers as it should', 'fine', { has: [ok, /\r\n\r\nfine$/] }),
  row('answers much', 'large', { has: [ok, /0123456789/], hasNot: /Content-Length: (?!1000000)/ }),
  row('dies before its header', 'dies-before-header', 502),
  row('dies in its header', 'dies-in-header', 502),
  row('dies in the body', 'dies-in-body', 'aborted'),
  row('dies in the body, with Content-Length', 'dies-in-body-with-length', 'aborted'),
  row('nothing', 'nothing', 502),
  row('text without a header', 'text-without-header', 502),
  row('a header without a colon', 'header-without-colon', 502),
  row('NUL in a header', 'nul-in-header', 502),
  row('CR in a header', 'cr-in-header', 502),
  row('another control byte in a header', 'control-in-header', 502),
  row('a field whose name is no token', 'invalid-name', { has: [ok, /\r\n\r\nbody$/], hasNot: /X Y/ }),
  row("what Python's cgitb writes first", 'cgitb', {
    has: [ok, /\r\nContent-Type: text\/html\r\n/, /<body>/],
    hasNot: /spam/,
  }),
  row('an empty line first (no field at all), then a body', 'no-field', { has: [ok, /\r\n\r\nbody$/] }),
  row('NPH output that is chunked', 'nph-chunked', { has: [ok, /\r\n\r\nabc$/] }),
  row('NPH output whose last chunk does not come', 'nph-cut', 'aborted'),
  row('header above 64 KiB', 'large-header', 502),
  row('more than 200 fields', 'many-fields', 502),
  row('Content-Length shorter than the body', 'length-too-short', { has: [ok, /\r\n\r\nhello$/] }),
  row('Content-Length longer', 'length-too-long', 'aborted'),
  row('two different Content-Lengths', 'two-lengths', 502),
  row('a negative Content-Length', 'negative-length', 502),
  row('a listed Content-Length', 'listed-lengths', 502),
  row('Transfer-Encoding, Connection and what it names, Keep-Alive, TE, Trailer, Upgrade, Proxy-*', 'hop-by-hop', {
    has: [ok, /\r\nX-Kept: 1\r\n/, /hello/],
    hasNot: /\r\n(?:X-Hop|Keep-Alive: a|TE|Trailer|Upgrade|Proxy-Authenticate)\b/i,
  }),
  row('Status 103 block, then 200', 'early-hints', {
    has: [/^HTTP\/1\.1 103 [\s\S]*?\r\nLink: <\/a\.css>; rel=preload\r\n\r\nHTTP\/1\.1 200 /, /hello/],
  }),
  row('Status 101', 'status-101', 502),
  row('Status below 200', 'status-99', 502),
  row('Status above 999', 'status-1000', 502),
  row('Status that is not a number', 'status-text', 502),
  row('Status above 599, as Apache has it', 'status-600', { has: [/^HTTP\/1\.1 600 /, /\r\n\r\nsix$/] }),
  row('Status: 200OK, as Apache has it', 'status-200ok', { has: [/^HTTP\/1\.1 200 OK\r\n/] }),
  row('Status: 404-Not-Found, as Apache has it', 'status-404-dash', { has: [/^HTTP\/1\.1 404 Not Found\r\n/] }),
  row('two Status lines: the last one, as Apache has it', 'two-statuses', { has: [/^HTTP\/1\.1 403 /] }),
  row('two Content-Types: the last one, as Apache has it', 'two-types', {
    has: [ok, /\r\nContent-Type: text\/html\r\n/],
    hasNot: /text\/plain/,
  }),
  row('a reason phrase of its own', 'reason-phrase', { has: [/^HTTP\/1\.1 404 Gone fishing\r\n/] }),
  row('204 with a body', 'no-content', { has: [/^HTTP\/1\.1 204 [\s\S]*\r\n\r\n$/], hasNot: /body|Content-Length/ }),
  row('304 with a body', 'not-modified', { has: [/^HTTP\/1\.1 304 [\s\S]*\r\n\r\n$/], hasNot: /body/ }),
  row('an answer to HEAD with a body', 'fine', { has: [ok, /\r\n\r\n$/], hasNot: /fine/ }, 'HEAD'),
  row('Location local, alone', 'local-redirect', { has: [ok, /\r\n\r\nfine$/], hasNot: /Location/ }),
  row('Location local, alone, in a circle', 'redirect-loop', 502),
  row('Location local with a fragment, alone', 'fragment-redirect', {
    has: [/^HTTP\/1\.1 302 /, /\r\nLocation: \/page#part\r\n/],
  }),
  row('Location elsewhere, alone', 'client-redirect', {
    has: [/^HTTP\/1\.1 302 /, /\r\nLocation: https:\/\/example\.org\/\r\n/],
  }),
  row('X-Sendfile', 'sendfile', { has: [ok, /\r\n\r\nthe report$/], hasNot: /X-Sendfile|not wanted/i }),
  row('X-Sendfile from elsewhere', 'sendfile-outside', 502),
];

const fastcgiRows: readonly Row[] = [
  row('END_REQUEST alone', 'end-alone', 502),
  row('half a record', 'half-a-record', 502),
  row('no END_REQUEST', 'no-end-request', 'aborted'),
  row('answers something that is not FastCGI', 'not-fastcgi', 502),
  row('rule 17: wrong version', 'wrong-version', 502),
  row('rule 17: wrong id', 'wrong-id', 502),
  row('rule 17: id 0 for an application record', 'id-zero', 502),
  row('OVERLOADED', 'overloaded', 503),
  row('CANT_MPX_CONN', 'cant-multiplex', 502),
  row('UNKNOWN_ROLE', 'unknown-role', 502),
];

/** Runs the suite. */
export function backendConformance(name: string, makeBackend: MakeBackend, traits: BackendTraits): void {
  async function start(t: TestContext, requestTimeoutMs = 20_000) {
    const root = temporaryFolder(t);
    // A kind that needs a script puts it there; for the others it only has to be there.
    writeFiles(root, { 'program.cgi': '', 'report.txt': 'the report' });
    const backend = await makeBackend(t, { requestTimeoutMs, folder: root });
    const log = new RecordingLog();
    const sendfile = [{ folder: root, prefix: null }];
    const site = { ...siteDefaults, name: 'test', root, routes: [route('*.cgi', 'script', backend)], sendfile };
    const gateway = createGateway({ site, log });
    const front = new Http1Front({ handler: gateway.handle });
    t.after(() => front.destroy());
    const address = await front.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
    const port = address.kind === 'tcp' ? address.port : 0;
    const ask = async (answer: string, method = 'GET'): Promise<string> => {
      const client = await RawClient.connect(t, port);
      client.send(`${method} /program.cgi/${answer} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
      return client.untilEnd();
    };
    return { ask, log, gateway };
  }

  describe(`${name}: a program that`, () => {
    for (const { row: text, name: answer, expected, method } of [
      ...rows,
      ...(traits.speaksFastcgi ? fastcgiRows : []),
    ]) {
      it(`${text} -> ${said(expected)}`, async (t) => {
        const { ask, gateway } = await start(t);
        check(await ask(answer, method), expected);
        // An answer that is complete by its own length does not wait for its program.
        await until(() => gateway.active === 0);
      });
    }

    it('a field whose name is no token -> a log line that shows it', async (t) => {
      const { ask, log } = await start(t);
      await ask('cgitb');
      const said = log.records.filter(({ message }) => message.includes('are no fields'));
      assert.deepEqual(
        said.map(({ fields }) => fields.lines),
        [['<!--: spam']],
      );
    });

    it('hangs before the header -> 504 at the limit, and the next request is answered', async (t) => {
      const { ask } = await start(t, traits.limitMs ?? 700);
      check(await ask('hangs-before-header'), 504);
      check(await ask('fine'), { has: [ok] });
    });

    it('hangs in the body -> aborted at the limit', async (t) => {
      const { ask } = await start(t, traits.limitMs ?? 700);
      check(await ask('hangs-in-body'), 'aborted');
    });

    it('writes 5 MB on STDERR -> the answer as it is; the log capped, escaped, one line a record', async (t) => {
      const { ask, log } = await start(t);
      check(await ask('large-stderr'), { has: [ok, /fine$/] });
      const lines = log.records.filter(({ message }) => message.includes('[31m'));
      assert.ok(lines.length > 0 && lines.length <= 500, `${lines.length} records`);
      for (const { message } of log.records) assert.doesNotMatch(message, /[\x00-\x1f]/);
    });
  });
}

function said(expected: Expected): string {
  if (typeof expected === 'number') return String(expected);
  return expected === 'aborted' ? 'an aborted answer' : 'the client gets it right';
}

function check(text: string, expected: Expected): void {
  if (typeof expected === 'number') {
    assert.match(text, new RegExp(`^HTTP/1\\.1 ${expected} `));
    assert.equal(/\r\nRetry-After: \d+\r\n/.test(text), expected === 503);
    assert.doesNotMatch(text, /\/tmp|SCRIPT_FILENAME|node:|\.ts/, 'no path, environment or stack leaves');
  } else if (expected === 'aborted') {
    assert.match(text, ok);
    const length = /\r\nContent-Length: (\d+)\r\n/i.exec(text);
    const body = text.slice(text.indexOf('\r\n\r\n') + 4);
    if (length === null) assert.doesNotMatch(body, /0\r\n\r\n$/);
    else assert.ok(body.length < Number(length[1]));
  } else {
    const whole = withoutChunks(text);
    for (const pattern of expected.has) assert.match(whole, pattern);
    if (expected.hasNot !== undefined) assert.doesNotMatch(whole, expected.hasNot);
  }
}

/** A complete answer with its body in one piece: how many chunks it came in depends on how a program's writes fell. */
function withoutChunks(text: string): string {
  const start = text.lastIndexOf('\r\n\r\n', text.length - 5) + 4;
  const head = text.slice(0, start);
  if (!/\r\nTransfer-Encoding: chunked\r\n/.test(head)) return text;
  let body = '';
  for (let at = start; ; ) {
    const lineEnd = text.indexOf('\r\n', at);
    const length = Number.parseInt(text.slice(at, lineEnd), 16);
    assert.ok(length >= 0, `the last chunk is missing: ${text.slice(-50)}`);
    if (length === 0) return head + body;
    body += text.slice(lineEnd + 2, lineEnd + 2 + length);
    at = lineEnd + 2 + length + 2;
  }
}
