// Starts an HTTP/1.1 front of our own for a test, and handlers for it.

import type { TestContext } from 'node:test';
import { Http1Front, type Http1FrontOptions } from '../../src/front/http1.ts';
import type { HttpAnswer, HttpHandler, HttpRequest } from '../../src/gateway/message.ts';

/** Answers 200 with method and target. */
export const echoTarget: HttpHandler = (request, answer) => {
  answer.head(200, ['Content-Type', 'text/plain']);
  answer.write(Buffer.from(`${request.method} ${request.target}`));
  answer.end();
};

/** A front on a free port, destroyed with the test. */
export async function startFront(
  t: { after: TestContext['after'] },
  options: Partial<Http1FrontOptions> = {},
): Promise<{ front: Http1Front; port: number }> {
  const front = new Http1Front({ handler: echoTarget, ...options });
  t.after(() => front.destroy());
  const address = await front.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  return { front, port: address.kind === 'tcp' ? address.port : 0 };
}

/** A handler that keeps its requests for the test to answer. */
export function collectRequests(): { handler: HttpHandler; asked: { request: HttpRequest; answer: HttpAnswer }[] } {
  const asked: { request: HttpRequest; answer: HttpAnswer }[] = [];
  return { handler: (request, answer) => asked.push({ request, answer }), asked };
}

/** Answers 200 with a short body. */
export function answerText(answer: HttpAnswer, text: string): void {
  answer.head(200, []);
  answer.write(Buffer.from(text, 'latin1'));
  answer.end();
}
