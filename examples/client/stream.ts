// Sends a file to an application and writes its answer to standard output while it comes; Ctrl-C ends the request:
//   node examples/client/stream.ts 127.0.0.1:9000 /srv/www/upload.php big.iso > answer

import { createReadStream, statSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createClient } from '../../src/client/index.ts';

const [address, script, file] = process.argv.slice(2);
if (address === undefined || script === undefined || file === undefined) {
  process.stderr.write('usage: node examples/client/stream.ts ADDRESS SCRIPT FILE\n');
  process.exit(2);
}

const controller = new AbortController();
process.once('SIGINT', () => controller.abort());

await using client = createClient({ address });
const answer = await client.stream({
  method: 'POST',
  script,
  headers: { 'Content-Type': 'application/octet-stream' },
  body: createReadStream(file),
  bodyBytes: statSync(file).size,
  signal: controller.signal,
  timeoutMs: 0,
});
await pipeline(answer.body, process.stdout, { end: false });
const { timing } = await answer.ended;
process.stderr.write(`status ${answer.status}, ${timing.totalMs.toFixed(0)} ms\n`);
