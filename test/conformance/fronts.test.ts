// Every front against the same suite.

import { Http1Front } from '../../src/front/http1.ts';
import { NodeHttpFront } from '../../src/front/node-http.ts';
import { frontConformance } from './front.ts';

frontConformance('HTTP/1.1 front', async (t, handler, limits) => {
  const front = new Http1Front({ handler, limits });
  t.after(() => front.destroy());
  const address = await front.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  return address.kind === 'tcp' ? address.port : 0;
});

frontConformance('node:http front', async (t, handler, limits) => {
  const front = new NodeHttpFront({ handler, ...limits });
  t.after(() => front.destroy());
  const address = await front.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  return address.kind === 'tcp' ? address.port : 0;
});
