// A process for a moment: hands sockets to a service that runs already. It has the service's rights alone.
//
// The launcher gives it the sockets as descriptors, and its own end of the channel that Node takes handles from: so nothing that the
// service writes on that channel is read by a process with rights. Arguments: a JSON list of [descriptor, note].

import { Socket } from 'node:net';

const sockets = JSON.parse(process.argv[2] ?? '[]') as readonly (readonly [descriptor: number, note: string])[];

// Until the service has taken all of them.
process.exitCode = 1;
// Nothing else keeps this process until the answer has come.
process.channel!.ref();

let taken = 0;
// It goes when the service has said that it has them all: what it left unread on the channel, the next courier would take for an answer to its own.
process.on('internalMessage' as 'message', (message) => {
  if ((message as { cmd?: string }).cmd !== 'NODE_HANDLE_ACK') return;
  taken += 1;
  if (taken === sockets.length) process.exit(0);
});

for (const [fd, note] of sockets) {
  // Not to be read from, nor listened on: only to be named.
  const { _handle: handle } = new Socket({ fd, readable: false, writable: false }) as unknown as { _handle: object };
  process.send!({ note }, handle as never);
}
