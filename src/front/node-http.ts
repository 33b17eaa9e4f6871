// A front on node:http: the same gateway behind Node's own HTTP/1.1 server.

import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { type Address, formatAddress } from '../connection/address.ts';
import { listenError } from '../connection/listen-error.ts';
import { PosternError } from '../errors.ts';
import { errorAnswer } from '../gateway/error-page.ts';
import type { HttpHandler } from '../gateway/message.ts';
import { nodeHandler } from './node-handler.ts';

/** What a front is made of. Durations are in milliseconds. */
export interface NodeHttpOptions {
  readonly handler: HttpHandler;
  /** From a request's first byte to the end of its head. @default 30000 */
  readonly headTimeoutMs?: number;
  /** Between two requests of one connection. @default 75000 */
  readonly keepAliveTimeoutMs?: number;
}

const MAX_HEAD_BYTES = 65_536;

/** Serves HTTP/1.0 and HTTP/1.1 on one address. */
export class NodeHttpFront {
  readonly #server: Server;

  constructor({ handler, headTimeoutMs = 30_000, keepAliveTimeoutMs = 75_000 }: NodeHttpOptions) {
    const listener = nodeHandler(handler);
    this.#server = createServer(
      {
        maxHeaderSize: MAX_HEAD_BYTES,
        // The gateway says what is wrong with Host, for every front in the same words.
        requireHostHeader: false,
        headersTimeout: headTimeoutMs,
        connectionsCheckingInterval: Math.min(1_000, headTimeoutMs),
        // The gateway limits the pauses of a body; its whole length of time depends on its size.
        requestTimeout: 0,
        keepAliveTimeout: keepAliveTimeoutMs,
        insecureHTTPParser: false,
        noDelay: true,
      },
      listener,
    );
    // Otherwise fields after the first 2000 are dropped without a word; the gateway counts them.
    this.#server.maxHeadersCount = 0;
    this.#server.on('checkContinue', listener);
    this.#server.on('checkExpectation', listener);
    this.#server.on('clientError', answerClientError);
  }

  /** Starts listening. @returns the address, with the port that was found for port 0 @throws ADDRESS_IN_USE, CONFIG_INVALID */
  async listen(address: Address): Promise<Address> {
    await new Promise<void>((resolve, reject) => {
      const failed = (error: Error): void => reject(listenError(error, formatAddress(address)));
      this.#server.once('error', failed);
      this.#server.listen(
        address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port },
        () => {
          this.#server.off('error', failed);
          resolve();
        },
      );
    });
    const bound = this.#server.address();
    return typeof bound === 'object' && bound !== null && address.kind === 'tcp'
      ? { ...address, port: bound.port }
      : address;
  }

  /** Stops listening, lets what runs come to its end, and resolves when all connections are closed. Repeatable. */
  async close(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => this.#server.closeAllConnections(), timeoutMs);
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    clearTimeout(timer);
  }

  /** Closes everything at once. Repeatable. */
  destroy(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/** What node:http's parser refused never reaches a handler. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy();
    return;
  }
  const { status, headers, body } = errorAnswer(new PosternError(codeOf(error), error.message), []);
  const lines = [`HTTP/1.1 ${status} Refused`, 'Connection: close'];
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  socket.end(`${lines.join('\r\n')}\r\n\r\n${Buffer.from(body).toString('latin1')}`, 'latin1');
}

function codeOf(error: NodeJS.ErrnoException): 'HEADERS_TOO_LARGE' | 'REQUEST_TIMEOUT' | 'BAD_REQUEST' {
  if (error.code === 'HPE_HEADER_OVERFLOW') return 'HEADERS_TOO_LARGE';
  return error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'REQUEST_TIMEOUT' : 'BAD_REQUEST';
}
