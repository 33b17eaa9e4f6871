// A program: serves a trivial answer through the HTTP/1.1 front ("own") or node:http with the node handler ("node"). Prints its port, and then,
// after each line on its input, its memory as a line of JSON; ends with its input. Run with --expose-gc.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { Http1Front } from '../../src/front/http1.ts';
import { nodeHandler } from '../../src/front/node-handler.ts';
import type { HttpHandler } from '../../src/gateway/message.ts';

const body = Buffer.from('hello\n');

const handler: HttpHandler = (_request, answer) => {
  answer.head(200, ['Content-Type', 'text/html; charset=UTF-8', 'X-Powered-By', 'PHP/8.2']);
  answer.write(body);
  answer.end();
};

const idleMs = 600_000;
const { port, stop } = process.argv[2] === 'own' ? await startOwn() : await startNode();
process.stdout.write(`${port}\n`);

for await (const _ of createInterface({ input: process.stdin })) {
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  process.stdout.write(`${JSON.stringify({ rss, heapUsed, external })}\n`);
}
stop();

interface Started {
  readonly port: number;
  readonly stop: () => void;
}

async function startOwn(): Promise<Started> {
  const front = new Http1Front({ handler, limits: { keepAliveTimeoutMs: idleMs } });
  const bound = await front.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  return { port: bound.kind === 'tcp' ? bound.port : 0, stop: () => front.destroy() };
}

async function startNode(): Promise<Started> {
  const server = createServer({ keepAliveTimeout: idleMs, requestTimeout: 0, noDelay: true }, nodeHandler(handler));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { port: (server.address() as AddressInfo).port, stop };
}
