// Runs a PHP script on a PHP-FPM or php-cgi that listens:
//   php-cgi -b 127.0.0.1:9000 &
//   node examples/client/php.ts 127.0.0.1:9000 "$PWD/examples/client/hello.php" 'name=you'

import { createClient } from '../../src/client/index.ts';

const [address, script, query = ''] = process.argv.slice(2);
if (address === undefined || script === undefined) {
  process.stderr.write('usage: node examples/client/php.ts ADDRESS SCRIPT [QUERY]\n');
  process.exit(2);
}

await using client = createClient({ address });
const answer = await client.request({ script, url: `/${script.split('/').at(-1)}?${query}` });

process.stdout.write(`${answer.status} ${answer.headers.get('content-type')}\n\n${answer.text()}\n`);
process.stderr.write(answer.stderr);
process.stderr.write(
  `connect ${answer.timing.connectMs.toFixed(1)} ms, first byte ${answer.timing.firstByteMs.toFixed(1)} ms\n`,
);
