// A server of node:http with the node handler in it, set as docs/embedding.md shows it.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { nodeHandler } from '../../src/front/node-handler.ts';
import type { HttpHandler } from '../../src/gateway/message.ts';

/** Starts it on a free port of 127.0.0.1; closed with the test. @returns the port */
export async function startNodeServer(
  t: { after: TestContext['after'] },
  handler: HttpHandler,
  { headTimeoutMs = 30_000 }: { readonly headTimeoutMs?: number } = {},
): Promise<number> {
  const listener = nodeHandler(handler);
  const server = createServer(
    {
      maxHeaderSize: 65_536,
      // The gateway says what is wrong with Host, for every front in the same words.
      requireHostHeader: false,
      headersTimeout: headTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, headTimeoutMs),
    },
    listener,
  );
  server.on('checkContinue', listener);
  server.on('checkExpectation', listener);
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}
