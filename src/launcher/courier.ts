// A process for a moment: hands sockets to a service that runs already. It has the service's rights alone.
//
// The launcher gives it the sockets as descriptors, and its own end of the channel that Node takes handles from: so nothing that the
// service writes on that channel is read by a process with rights. Arguments: a JSON list of [descriptor, note].

import { Socket } from 'node:net';

// What the service answered to an earlier courier may come first: Node takes it for a fault of its own.
process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
  if (error.code === 'ERR_INTERNAL_ASSERTION') return;
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});

const sockets = JSON.parse(process.argv[2] ?? '[]') as readonly (readonly [descriptor: number, note: string])[];

for (const [fd, note] of sockets) {
  // Not to be read from, nor listened on: only to be named.
  const { _handle: handle } = new Socket({ fd, readable: false, writable: false }) as unknown as { _handle: object };
  process.send!({ note }, handle as never);
}
// What is sent after a handle waits until that has arrived.
process.send!({ note: null }, () => process.exit(0));
