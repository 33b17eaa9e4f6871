// Every front against the same suites.

import { openH2cDoor } from '../../src/front/doors.ts';
import { Http1Front } from '../../src/front/http1.ts';
import { bridgeTo } from '../support/http2-bridge.ts';
import { startNodeServer } from '../support/node-server.ts';
import { frontConformance, type MakeFront } from './front.ts';
import { gatewayConformance } from './gateway.ts';

const http1: MakeFront = async (t, handler, limits) => {
  const front = new Http1Front({ handler, limits });
  t.after(() => front.destroy());
  const address = await front.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  return address.kind === 'tcp' ? address.port : 0;
};

const nodeHttp: MakeFront = (t, handler, limits) => startNodeServer(t, handler, limits);

/** What comes by HTTP/1.1 goes on by HTTP/2. */
const http2: MakeFront = async (t, handler, limits) => {
  const front = new Http1Front({ handler, limits, h2c: openH2cDoor });
  t.after(() => front.destroy());
  const address = await front.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  return bridgeTo(t, address.kind === 'tcp' ? address.port : 0, limits);
};

frontConformance('HTTP/1.1 front', http1);
frontConformance('node handler', nodeHttp);
frontConformance('HTTP/2 front', http2, '2.0');
gatewayConformance('HTTP/1.1 front', http1);
gatewayConformance('node handler', nodeHttp);
gatewayConformance('HTTP/2 front', http2);
