// A PHP site beside pages of one's own, in one Node server: node examples/embed/server.ts [PORT]
// Outside of this repository the import is 'postern'.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createService, defineConfig, nodeHandler } from '../../src/index.ts';

const config = defineConfig(
  {
    // No address of its own: this program's server is the way in.
    site: { main: { listen: [], root: 'public', route: [{ match: '*.php', pool: 'php' }] } },
    pool: { php: { php: 'auto', workers: 2 } },
  },
  import.meta.dirname,
);
const service = createService(config, { asRoot: 'warn' });
const php = nodeHandler(service.handler());

const server = createServer((request, response) => {
  if (request.url === '/api/time') {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ now: new Date() }));
    return;
  }
  php(request, response);
});

await service.start();
server.listen(Number(process.argv[2] ?? 8000), '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}/\n`);
});

process.once('SIGTERM', stop).once('SIGINT', stop);

/** The server first, so that nothing new comes; then the workers, when they have answered what they have. */
function stop(): void {
  server.close(() => void service.close());
  server.closeIdleConnections();
}
