// A program: serves a trivial answer through one of the two HTTP/1.1 fronts, "own" or "node". Prints its port, and then,
// after each line on its input, its memory as a line of JSON; ends with its input. Run with --expose-gc.

import { createInterface } from 'node:readline';
import type { Address } from '../../src/connection/address.ts';
import { Http1Front } from '../../src/front/http1.ts';
import { NodeHttpFront } from '../../src/front/node-http.ts';
import type { HttpHandler } from '../../src/gateway/message.ts';

const body = Buffer.from('hello\n');

const handler: HttpHandler = (_request, answer) => {
  answer.head(200, ['Content-Type', 'text/html; charset=UTF-8', 'X-Powered-By', 'PHP/8.2']);
  answer.write(body);
  answer.end();
};

const front =
  process.argv[2] === 'own'
    ? new Http1Front({ handler, limits: { keepAliveTimeoutMs: 600_000 } })
    : new NodeHttpFront({ handler, keepAliveTimeoutMs: 600_000 });
const anyPort: Address = { kind: 'tcp', host: '127.0.0.1', port: 0 };
const bound = await front.listen(anyPort);
process.stdout.write(`${bound.kind === 'tcp' ? bound.port : 0}\n`);

for await (const _ of createInterface({ input: process.stdin })) {
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  process.stdout.write(`${JSON.stringify({ rss, heapUsed, external })}\n`);
}
front.destroy();
