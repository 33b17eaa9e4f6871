// Feeds generated and mutated request streams, cut anywhere, to our HTTP/1.1 parser and to node:http: what node:http
// refuses we refuse, where both accept we agree, and where we alone refuse the reason is one of `stricter`.
// FUZZ_RUNS sets how many streams.

import assert from 'node:assert/strict';
import { createServer, type RequestListener, type Server } from 'node:http';
import { duplexPair } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { toPosternError } from '../../src/errors.ts';
import { BodyDecoder } from '../../src/protocol/http/http1-body-decoder.ts';
import { HeadReader } from '../../src/protocol/http/http1-head-reader.ts';
import { cutStream, requestStream } from '../support/http1-streams.ts';
import fc from '../support/seeded-fast-check.ts';

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
  /Transfer-Encoding does not end in one "chunked"/,
  /Transfer-Encoding has an empty element/,
  /Transfer-Encoding holds a tab/,
  /a transfer coding other than/,
  /a TLS hello/,
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

/** What is taken here, though node:http refuses it: any token as a method, any byte from 0x80 up in a target. */
const wider = /^HPE_INVALID_(?:METHOD|URL)$/;

/** And the white space around ";" and "=" of a chunk extension that RFC 9112, 7.1.1 wants taken: node:http is asked again without it. */
const withoutBadSpace = (text: string): string =>
  text.replace(/^[0-9A-Fa-f]+[ \t]*;.*/gm, (line) => line.replace(/[ \t]*([;=])[ \t]*/g, '$1'));
const refusesWhiteSpace = /^HPE_(?:INVALID_CHUNK_SIZE|STRICT)$/;

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
      fc.asyncProperty(requestStream, fc.array(fc.nat(400), { maxLength: 4 }), async (text, cuts) => {
        fc.pre(text.length > 0);
        const pieces = cutStream(text, cuts);
        const mine = ours(pieces);
        let other = await theirs(server, seen, pieces);
        if (mine.requests.length > other.requests.length && refusesWhiteSpace.test(other.refusal)) {
          other = await theirs(server, seen, cutStream(withoutBadSpace(text), []));
        }
        const agreed = Math.min(mine.requests.length, other.requests.length);
        const isWider = wider.test(other.refusal);
        assert.ok(
          mine.requests.length <= other.requests.length || isWider,
          `accepted what node:http refuses (${other.refusal})`,
        );
        assert.deepEqual(mine.requests.slice(0, agreed), other.requests.slice(0, agreed).map(inOurForm));
        both += agreed;
        if (mine.requests.length === other.requests.length || isWider) return;
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
