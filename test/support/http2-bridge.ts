// Lets what speaks HTTP/1.1 reach a front by HTTP/2: an HTTP/1.1 front whose handler asks anew, with the library's client, and passes on what comes,
// as it comes. What is HTTP/1.1's alone is refused by the first of the two; all else must come through both.

import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from 'node:http2';
import type { TestContext } from 'node:test';
import { PosternError } from '../../src/errors.ts';
import { Http1Front } from '../../src/front/http1.ts';
import type { Http1Limits } from '../../src/front/http1-states.ts';
import type { HttpAnswer, HttpHandler, HttpRequest } from '../../src/gateway/message.ts';
import { isNamed } from '../../src/protocol/http/headers.ts';

/** Fields that are about one connection. */
const ofConnection = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'host', 'te'];

/** Starts one before a port where HTTP/2 is spoken without TLS. @returns its own port */
export async function bridgeTo(
  t: { after: TestContext['after'] },
  port: number,
  limits: Partial<Http1Limits>,
): Promise<number> {
  const sessions = new Set<ClientHttp2Session>();
  const handler: HttpHandler = (request, answer) => {
    // One for each: a connection that is closed after its answer is then closed here, too.
    const session = connect(`http://127.0.0.1:${port}`);
    sessions.add(session);
    session.on('error', () => {});
    session.on('close', () => sessions.delete(session));
    pass(session, request, answer);
  };
  const front = new Http1Front({ handler, limits });
  t.after(() => {
    front.destroy();
    for (const session of sessions) session.destroy();
  });
  const address = await front.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  return address.kind === 'tcp' ? address.port : 0;
}

function pass(session: ClientHttp2Session, request: HttpRequest, answer: HttpAnswer): void {
  const stream = session.request(fieldsOf(request), { endStream: request.body === null });
  let isDone = false;
  const fail = (): void => {
    session.close();
    if (isDone) return;
    isDone = true;
    answer.abort(new PosternError('CONNECTION_LOST', 'the answer over HTTP/2 is incomplete'));
  };
  answer.listener = {
    drained: () => void stream.resume(),
    gone: () => {
      isDone = true;
      cut(stream);
    },
  };
  // That the client may go on is said by this front, when it reads the body.
  stream.on('headers', (fields) => {
    if (fields[':status'] !== 100) answer.head(Number(fields[':status']), listOf(fields));
  });
  stream.on('response', (fields) => answer.head(Number(fields[':status']), listOf(fields)));
  stream.on('data', (chunk: Buffer) => {
    const mayGoOn = answer.write(chunk);
    answer.flush();
    if (!mayGoOn) stream.pause();
  });
  stream.on('end', () => {
    // Its end comes with a reset, too.
    if (isDone || stream.rstCode !== constants.NGHTTP2_NO_ERROR) return;
    isDone = true;
    answer.end();
    session.close();
  });
  stream.on('error', fail);
  stream.on('close', fail);
  sendBody(stream, request);
}

/** The library's `close` would end the stream as if it were whole. */
function cut(stream: ClientHttp2Stream): void {
  stream.destroy(new Error('cut'));
}

/** A client that waits to be told is told by this front when its body is read, which it is once the other one has said so. */
function sendBody(stream: ClientHttp2Stream, { body, headers }: HttpRequest): void {
  if (body === null) return;
  const begin = (): void => {
    body.on('error', () => cut(stream));
    body.pipe(stream);
  };
  if (headers.some((name, at) => at % 2 === 0 && isNamed(name, 'expect'))) stream.once('continue', begin);
  else begin();
}

function fieldsOf({ method, target, headers }: HttpRequest): Record<string, string | string[]> {
  const fields: Record<string, string | string[]> = { ':method': method, ':path': target, ':scheme': 'http' };
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!.toLowerCase();
    const value = headers[at + 1]!;
    if (name === 'host') fields[':authority'] = value;
    if (ofConnection.includes(name)) continue;
    const before = fields[name];
    fields[name] = before === undefined ? value : [before, value].flat();
  }
  return fields;
}

function listOf(fields: IncomingHttpHeaders): string[] {
  return Object.entries(fields).flatMap(([name, value]) =>
    name.startsWith(':') || value === undefined ? [] : [value].flat().flatMap((one) => [name, one]),
  );
}
