// Requests on kept connections, one after another on each; tells its parent, when that asks, how many were answered until when.

import { Agent, get } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';

const [url = '', pause = '0', connections = '1'] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });
let answered = 0;

for (let index = 0; index < Number(connections); index += 1) void ask();
process.on('message', () => process.send?.({ answered, atMs: performance.now() }));
process.on('disconnect', () => process.exit());

async function ask(): Promise<void> {
  for (;;) {
    await new Promise<void>((resolve) => {
      const request = get(url, { agent }, (response) => {
        response.resume();
        response.on('end', () => {
          answered += 1;
          resolve();
        });
        response.on('error', () => resolve());
      });
      request.on('error', () => resolve());
    });
    if (pause !== '0') await wait(Number(pause));
  }
}
