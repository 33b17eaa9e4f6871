// The low-level form: bytes out as they come, with back-pressure, until the client leaves. `node clock.ts / | head -3`

import { setTimeout as sleep } from 'node:timers/promises';
import { defineApp, run } from '../../src/app/index.ts';

const app = defineApp({
  async respond(call, context) {
    call.head(200, ['content-type', 'text/plain', 'cache-control', 'no-store']);
    for (let tick = 0; tick < 1_000 && !context.signal.aborted; tick += 1) {
      if (!call.write(`${new Date().toISOString()}\n`)) await call.drained();
      call.flush();
      await sleep(200, undefined, { signal: context.signal }).catch(() => {});
    }
  },
});

await run(app);
