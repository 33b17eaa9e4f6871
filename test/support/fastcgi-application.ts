// A FastCGI application in this process, on a Unix socket of its own: what a test's client talks to.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Address } from '../../src/connection/address.ts';
import { FastcgiServer } from '../../src/fastcgi-server/fastcgi-server.ts';
import type { ServerLimits } from '../../src/fastcgi-server/server-limits.ts';
import type { CgiRequest, CgiSink } from '../../src/protocol/cgi/exchange.ts';

/** What an application gives back for a request. */
export interface TestAnswer {
  readonly status?: number;
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly stderr?: string;
  /** In milliseconds, before the answer. */
  readonly delayMs?: number;
}

/** An application that listens. */
export interface FastcgiApplication {
  readonly address: Address;
  /** Requests that it was given, with their bodies. */
  readonly requests: { readonly request: CgiRequest; readonly body: string; readonly data: string }[];
  /** Connections that are open. */
  readonly connections: number;
  close(): Promise<void>;
}

/** Starts one. @param answer is called when the request has come in full */
export async function fastcgiApplication(
  answer: (request: CgiRequest, body: string) => TestAnswer,
  limits: Partial<ServerLimits> = {},
): Promise<FastcgiApplication> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-app-'));
  const address: Address = { kind: 'unix', path: join(folder, 's') };
  const requests: FastcgiApplication['requests'] = [];
  const server = new FastcgiServer({
    limits,
    run(request, sink) {
      let isGone = false;
      const serve = async (): Promise<void> => {
        const body = request.body === null || request.role === 'authorizer' ? '' : await text(request.body.stream());
        const data = request.data === null ? '' : await text(request.data.stream());
        requests.push({ request, body, data });
        const given = answer(request, body);
        if (given.delayMs !== undefined) await new Promise((resolve) => setTimeout(resolve, given.delayMs));
        if (!isGone) tell(sink, given);
      };
      serve().catch(() => {});
      return {
        resume: () => {},
        abort: () => {
          isGone = true;
        },
      };
    },
  });
  await server.listen(address);
  return {
    address,
    requests,
    get connections() {
      return server.connections;
    },
    async close() {
      server.destroy();
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}

function tell(
  sink: CgiSink,
  { status = 200, headers = ['Content-Type', 'text/plain'], body = '', stderr }: TestAnswer,
): void {
  if (stderr !== undefined) sink.stderr(Buffer.from(stderr));
  sink.head({ status, reason: '', headers });
  if (body !== '') sink.write(Buffer.from(body));
  sink.end();
}
