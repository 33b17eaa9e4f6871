// "Hello" by postern/app, in one of the three ways to answer: response, reply, respond. `node postern.ts WAY --listen unix:/PATH`

import { defineApp, Reply, run } from '../../../src/app/index.ts';

const init = { headers: { 'content-type': 'text/plain' } };

const ways = {
  response: defineApp({ fetch: () => new Response('Hello\n', init) }),
  reply: defineApp({ fetch: () => new Reply('Hello\n', init) }),
  respond: defineApp({
    respond(call) {
      call.head(200, ['content-type', 'text/plain']);
      call.write('Hello\n');
      call.end();
    },
  }),
};

const [way] = process.argv.splice(2, 1);
await run(ways[way as keyof typeof ways]);
