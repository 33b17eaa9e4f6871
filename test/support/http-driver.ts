// HTTP as a way to run the application suite: through a web server that stands before the application.

import { request } from 'node:http';
import type { SuiteAnswer, SuiteRequest } from './application-suite.ts';

/** Sends a request of the suite over HTTP; a request's STDERR is in the server's log, so there is none to see. */
export function sendHttp(port: number, { path, method, headers, body }: SuiteRequest): Promise<SuiteAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        headers: { ...headers, ...(body && { 'content-length': body.length }) },
        agent: false,
      },
      async (incoming) => {
        try {
          const chunks: Buffer[] = await incoming.toArray();
          const { rawHeaders } = incoming;
          const pairs = rawHeaders.flatMap((name, index) =>
            index % 2 === 0 ? [[name.toLowerCase(), rawHeaders[index + 1]!] as const] : [],
          );
          resolve({ status: incoming.statusCode!, headers: pairs, body: Buffer.concat(chunks), stderr: null });
        } catch (thrown) {
          reject(thrown as Error);
        }
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
