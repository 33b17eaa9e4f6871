// The smallest application: `node hello.ts /world`, or behind any web server.
// Outside of this repository the import is 'postern/app'.

import { defineApp, run } from '../../src/app/index.ts';

const app = defineApp({
  fetch(request, context) {
    const { pathname } = new URL(request.url);
    return new Response(`Hello ${pathname.slice(1) || 'nobody'}, in mode ${context.mode}\n`);
  },
});

await run(app);
