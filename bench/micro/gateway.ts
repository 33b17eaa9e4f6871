// One request on its whole way through the gateway, without a socket: its head, the script, the environment, the records to a
// program, the program's answer, and the answer to the client. What a request costs above this is Node's and the kernel's.

import { fileURLToPath } from 'node:url';
import { RecordExchange, RunningExchanges } from '../../src/connection/client-exchange.ts';
import { AnswerReader } from '../../src/connection/record-traffic.ts';
import { type AnswerConnection, Http1Answer } from '../../src/front/http1-answer.ts';
import { createGateway } from '../../src/gateway/handle.ts';
import type { AccessLog } from '../../src/gateway/request-log.ts';
import type { Route } from '../../src/gateway/site.ts';
import { defaultOutputLimits, KnownHeads } from '../../src/protocol/cgi/cgi-output.ts';
import type { Backend } from '../../src/protocol/cgi/exchange.ts';
import { bodilessRequest } from '../../src/protocol/fastcgi/bodiless-request.ts';
import { HeadReader } from '../../src/protocol/http/http1-head-reader.ts';
import { AccessLines } from '../../src/sites/access-log.ts';
import { siteDefaults } from '../../test/support/site.ts';

const request = Buffer.from('GET /cases.ts HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n');
const peer = {
  remoteAddress: '127.0.0.1',
  remotePort: 51234,
  localAddress: '127.0.0.1',
  localPort: 8080,
  secure: false,
  memo: null,
};

/** @param answer records of a program's answer @returns runs one request; gives the bytes that left for both sides so far */
export function gatewayRequest(answer: Buffer): () => number {
  let sent = 0;
  const wire = Buffer.alloc(65_536);
  const running = new RunningExchanges();
  const reader = new AnswerReader(running, () => {});
  const connection: AnswerConnection = {
    mayKeepAlive: true,
    dateLine: 'Date: Sun, 22 Nov 2026 21:24:28 GMT\r\n',
    send: (data) => {
      sent += typeof data === 'string' ? wire.write(data, 'latin1') : data.length;
      return true;
    },
    isFlushed: true,
    taken: () => 0,
    spare: { block: null },
    completed: () => {},
    cut: () => {},
    openTunnel: () => ({ resume: () => {} }),
  };
  const gateway = createGateway({
    site: { ...siteDefaults, name: 'main', root: fileURLToPath(new URL('.', import.meta.url)), routes: [route()] },
    accessLog: accessLog(),
  });
  const heads = new HeadReader();
  return () => {
    const head = heads.read(request, 0)!;
    gateway.handle({ ...head, peer, body: null }, new Http1Answer(connection, head));
    for (const exchange of reader.push(answer)) {
      exchange.finish();
      running.delete(exchange);
    }
    return sent;
  };

  function route(): Route {
    const known = new KnownHeads();
    const carrier = { tellsFailures: true, unblocked: () => {}, abandoned: () => {} };
    const backend: Backend = {
      name: 'php',
      run: (cgi, sink) => {
        const exchange = new RecordExchange(1, cgi, sink, carrier, defaultOutputLimits, known);
        running.add(exchange);
        sent += wire.write(bodilessRequest(1, true, cgi.pairs!)!, 'latin1');
        return exchange;
      },
    };
    return { kind: 'script', match: '*.ts', backend, streamUploads: false, env: {} };
  }
}

/** Gathers lines as the log does, and drops them. */
function accessLog(): AccessLog {
  const lines = new AccessLines();
  let gathered = '';
  return (record) => {
    gathered += lines.format(record, Date.now());
    if (gathered.length >= 8_192) gathered = '';
  };
}
