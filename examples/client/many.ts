// Asks an application what it can do, then sends it requests in parallel, over as few connections as it allows:
//   node examples/client/many.ts 127.0.0.1:9000 /srv/www/hello.php 100

import { createClient } from '../../src/client/index.ts';

const [address, script, count = '100'] = process.argv.slice(2);
if (address === undefined || script === undefined) {
  process.stderr.write('usage: node examples/client/many.ts ADDRESS SCRIPT [COUNT]\n');
  process.exit(2);
}

await using client = createClient({ address, maxConnections: 4, multiplex: 16, queue: Number(count) });
process.stdout.write(`${JSON.stringify(await client.values())}\n`);
const answers = await Promise.allSettled(Array.from({ length: Number(count) }, () => client.request({ script })));
const failed = answers.filter(({ status }) => status === 'rejected');
process.stdout.write(
  `${answers.length - failed.length} answers over ${client.connections} connections, ${failed.length} failed\n`,
);
