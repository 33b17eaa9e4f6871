// A filter: a web server gives it a file, and the client gets what it makes of it. `node filter.ts / --role filter --data-file FILE`

import { defineApp, run } from '../../src/app/index.ts';

const app = defineApp({
  async filter(_request, data) {
    let lines = 0;
    for await (const chunk of data.stream as AsyncIterable<Buffer>)
      for (const byte of chunk) if (byte === 10) lines += 1;
    return new Response(`${lines} lines in ${data.length} bytes\n`);
  },
});

await run(app);
