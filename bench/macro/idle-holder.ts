// A program: opens keep-alive connections, makes one request on each, and then holds them without a word.
// Arguments: host, port, path, how many, and the loopback address to come from. Prints one line of JSON when all are
// open, and after each line on its input; ends with its input.

import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const [host, port, path, count, from] = process.argv.slice(2) as [string, string, string, string, string];
const atOnce = 100;
const answerLimitMs = 20_000;
const state = { held: 0, dropped: 0, failed: 0 };
const sockets: Socket[] = [];

for (let opened = 0; opened < Number(count); opened += atOnce) {
  await Promise.all(Array.from({ length: Math.min(atOnce, Number(count) - opened) }, open));
}
report();
for await (const _ of createInterface({ input: process.stdin })) report();
for (const socket of sockets) socket.destroy();

function report(): void {
  process.stdout.write(`${JSON.stringify(state)}\n`);
}

/** Opens one connection and waits for its answer. */
function open(): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), localAddress: from });
    let answered = false;
    sockets.push(socket);
    socket.setTimeout(answerLimitMs, () => !answered && socket.destroy());
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`);
    socket.once('data', () => {
      answered = true;
      socket.setTimeout(0);
      state.held += 1;
      resolve();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      if (answered) {
        state.held -= 1;
        state.dropped += 1;
      } else {
        state.failed += 1;
      }
      resolve();
    });
  });
}
