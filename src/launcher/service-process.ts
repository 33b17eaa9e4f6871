// The service as a process of its own, without rights: how it is started, and how it is told and heard.

import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { type Becoming, withoutRights } from './becoming.ts';
import type { HeldSocket } from './held-sockets.ts';
import { type ChannelEvents, LineChannel } from './line-channel.ts';
import type { Ahead, Notice } from './requests.ts';

/** Descriptors of the service, besides the standard ones. */
export const channelDescriptor = 3;
const handlesDescriptor = 4;
export const firstSocketDescriptor = 5;

/** What the service may say: a CGI request is its largest message. */
const limits = { lineBytes: 1_048_576, perSecond: 5_000, waitingBytes: 16_777_216 };

/** How it is started. */
export interface ServiceStart {
  readonly becoming: Becoming;
  /** The file that runs as the service. */
  readonly entry: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly ahead: Ahead;
  /** Where its standard output goes: that of the launcher, or to whoever writes the log. */
  readonly output: 'inherit' | 'pipe';
}

/** Sockets that it inherits, in the order of their descriptors. */
export interface Inherited {
  readonly sockets: readonly HeldSocket[];
  /** Descriptors of each socket: one for each front thread. */
  readonly copies: number;
}

/** How one ended. */
export interface ServiceEnd {
  /** The signal, "exit 1", or what an error says. */
  readonly how: string;
  readonly status: number;
}

/** One that runs. */
export interface ServiceProcess {
  readonly child: ChildProcess;
  readonly inherited: Inherited;
  /** How it ended, once it has, or why it could not be started. */
  readonly ended: Promise<ServiceEnd>;
  /** Our end of the channel, of which nothing is read yet. */
  readonly line: Socket;
  /** Its end of the channel that handles come through; never read here. */
  readonly handles: Socket;
}

/** Starts it: it loads, looks ahead, and waits to be told what to serve. */
export function startService(
  { becoming, entry, env, cwd, ahead, output }: ServiceStart,
  inherited: Inherited,
): ServiceProcess {
  const { sockets, copies } = inherited;
  const descriptors = sockets.flatMap(({ descriptor }) => Array.from({ length: copies }, () => descriptor));
  // KILL: nothing of it is left when the launcher has died, whatever it does just then.
  const command = [...withoutRights(becoming, 'KILL'), process.execPath, ...process.execArgv, entry];
  const child = spawn(command[0]!, command.slice(1), {
    cwd,
    // Node takes handles from there.
    env: { ...env, NODE_CHANNEL_FD: String(handlesDescriptor), NODE_CHANNEL_SERIALIZATION_MODE: 'json' },
    // In a group of its own: a terminal's Ctrl-C is told by the launcher, once.
    detached: true,
    stdio: ['ignore', output, 'inherit', 'pipe', 'pipe', ...descriptors],
  });
  const ended = new Promise<ServiceEnd>((resolve) => {
    child.once('error', ({ message }) => resolve({ how: message, status: 1 }));
    child.once('exit', (code, signal) => resolve({ how: signal ?? `exit ${code}`, status: code ?? 1 }));
  });
  const [, , , line, handles] = child.stdio as unknown as Socket[];
  stopReading(handles!);
  for (const socket of [line!, handles!]) socket.on('error', () => {});
  line!.write(`${JSON.stringify({ tell: 'ahead', ...ahead } satisfies Notice)}\n`);
  return { child, inherited, ended, line: line!, handles: handles! };
}

/** Hears it from now on, and can tell it something. */
export function channelTo({ line }: ServiceProcess, events: ChannelEvents): LineChannel {
  return new LineChannel(line, limits, events);
}

/** What answers there is for the courier. */
function stopReading(socket: Socket): void {
  socket.pause();
  (socket as unknown as { _handle: { readStop(): void } | null })._handle?.readStop();
}
