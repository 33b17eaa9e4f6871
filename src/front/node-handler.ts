// The gateway as a handler of node:http, for a server of one's own: `createServer(nodeHandler(gateway.handle))`.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { PosternError, toPosternError } from '../errors.ts';
import { errorAnswer } from '../gateway/error-page.ts';
import type { HttpHandler, HttpRequest, Peer } from '../gateway/message.ts';
import { fieldValues, isNamed } from '../protocol/http/headers.ts';
import { checkTransferCodings } from '../protocol/http/http1-head.ts';
import { peerOf } from './client-socket.ts';
import { NodeAnswer } from './node-answer.ts';

/** A request listener of node:http and node:https. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** So many bytes of a body that nobody wanted are read on, that the client gets to see the answer and may go on. */
const UNWANTED_BYTES = 1_048_576;
/** And for so long. */
const UNWANTED_MS = 2_000;

/** Makes a request listener of a handler. */
export function nodeHandler(handle: HttpHandler): NodeHandler {
  const peers = new WeakMap<Socket, Peer>();
  const refused = new WeakSet<Socket>();
  return (incoming, response) => {
    // What follows a request whose end is in doubt may be part of it: node:http has read on already.
    if (refused.has(incoming.socket)) return;
    try {
      const answer = new NodeAnswer(response);
      const request = requestOf(incoming, response, peerFor(peers, incoming.socket));
      if (request.body !== null) response.once('finish', () => discardRest(incoming));
      handle(request, answer);
    } catch (thrown) {
      refused.add(incoming.socket);
      refuse(incoming, response, toPosternError(thrown));
    }
  };
}

/** Checks what node:http lets pass, and makes the gateway's request. @throws BAD_REQUEST, CODING_UNKNOWN, VERSION_UNSUPPORTED */
function requestOf(incoming: IncomingMessage, response: ServerResponse, peer: Peer): HttpRequest {
  const { httpVersion: version, rawHeaders } = incoming;
  if (version !== '1.1' && version !== '1.0') {
    throw new PosternError('VERSION_UNSUPPORTED', `HTTP/${version} is not answered`);
  }
  const codings = fieldValues(rawHeaders, 'transfer-encoding');
  if (codings.length > 0 && version === '1.0') {
    throw new PosternError('BAD_REQUEST', 'Transfer-Encoding does not exist in HTTP/1.0');
  }
  if (codings.length > 0) checkTransferCodings(codings.join(','));
  const length = fieldValues(rawHeaders, 'content-length')[0];
  const contentLength = length === undefined ? null : Number(length);
  const hasBody = codings.length > 0 || (contentLength !== null && contentLength > 0);
  const { target, headers } = originForm(incoming.url ?? '/', rawHeaders);
  const body = !hasBody ? null : incoming.readableDidRead ? spentBody() : bodyOf(incoming, response);
  return { method: incoming.method ?? 'GET', target, version, headers, peer, body, contentLength };
}

/** The absolute form ("http://host/path") as Host and origin form; its host is what counts (RFC 9112, section 3.2.2). */
function originForm(url: string, rawHeaders: readonly string[]): { target: string; headers: readonly string[] } {
  if (url.startsWith('/') || url === '*') return { target: url, headers: rawHeaders };
  const match = /^https?:\/\/([^/?#@]+)([/?].*)?$/i.exec(url);
  if (match === null) throw new PosternError('BAD_REQUEST', 'the request target is neither a path nor a URL');
  const headers = ['Host', match[1]!];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (!isNamed(rawHeaders[i]!, 'host')) headers.push(rawHeaders[i]!, rawHeaders[i + 1]!);
  }
  const rest = match[2] ?? '/';
  return { target: rest.startsWith('/') ? rest : `/${rest}`, headers };
}

/** The body; a client that waits for "100 Continue" gets it when the body is first read. */
function bodyOf(incoming: IncomingMessage, response: ServerResponse): Readable {
  // A handler that does not care for the body listens to no error of it; without a listener one would end the process.
  incoming.on('error', () => {});
  if (incoming.httpVersion === '1.0' || incoming.headers.expect?.toLowerCase() !== '100-continue') return incoming;
  const continued = async function* () {
    response.writeContinue();
    yield* incoming.iterator({ destroyOnReturn: false });
  };
  return Readable.from(continued(), { objectMode: false }).on('error', () => {});
}

/**
 * A body that somebody before us has read, as Express's express.json() does. What is left of it would reach a program as an empty form, so
 * that a request which needs it is answered with 500; a file needs none.
 */
export function spentBody(): Readable {
  const why = 'the body of this request was read before Postern got it: mount its handler before what reads bodies';
  return new Readable({
    read() {
      this.destroy(new PosternError('INTERNAL', why));
    },
  }).on('error', () => {});
}

function peerFor(peers: WeakMap<Socket, Peer>, socket: Socket): Peer {
  let peer = peers.get(socket);
  if (peer === undefined) {
    peer = peerOf(socket, 'encrypted' in socket);
    peers.set(socket, peer);
  }
  return peer;
}

/** Reads on what a refused client still sends: a socket that is closed with bytes unread resets, and the answer is lost. */
function discardRest(incoming: IncomingMessage): void {
  if (incoming.complete || incoming.destroyed) return;
  let bytes = 0;
  const timer = setTimeout(() => incoming.destroy(), UNWANTED_MS);
  incoming.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > UNWANTED_BYTES) incoming.destroy();
  });
  incoming.once('close', () => clearTimeout(timer));
  incoming.resume();
}

function refuse(incoming: IncomingMessage, response: ServerResponse, error: PosternError): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, headers, body } = errorAnswer(error, incoming.rawHeaders);
  response.shouldKeepAlive = false;
  response.writeHead(status, [...headers]);
  response.end(body);
}
