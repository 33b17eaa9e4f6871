// The protocol without a socket: a request as records, and the records read back, cut wherever you like:
//   node examples/client/records.ts

import { formatType, NameValueReader, PARAMS, RecordReader, RecordWriter, STDIN } from '../../src/protocol/index.ts';

const writer = new RecordWriter();
writer.begin(1, 'responder', true);
writer.params(1, { REQUEST_METHOD: 'GET', SCRIPT_NAME: '/hello' });
writer.end(STDIN, 1);
const bytes = writer.take();

const pairs = new NameValueReader();
const reader = new RecordReader({
  content: (type, id, chunk) => {
    process.stdout.write(`${formatType(type)} of request ${id}: ${chunk.length} bytes\n`);
    if (type === PARAMS) pairs.push(chunk);
  },
  closed: (type, id) => process.stdout.write(`${formatType(type)} of request ${id} is complete\n`),
  control: (type, id) => process.stdout.write(`${formatType(type)} of request ${id}\n`),
});
reader.push(bytes.subarray(0, 21));
reader.push(bytes.subarray(21));
process.stdout.write(`${JSON.stringify(pairs.end())}\n`);
