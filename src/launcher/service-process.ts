// The service as a process of its own, without rights: how it is started, and how it is told and heard.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Account } from '../worker/user.ts';
import { type ChannelEvents, LineChannel } from './line-channel.ts';

/** Descriptors of the service, besides the standard ones. */
export const channelDescriptor = 3;
const handlesDescriptor = 4;
export const firstSocketDescriptor = 5;

/** What the service may say: a CGI request is its largest message. */
const limits = { lineBytes: 1_048_576, perSecond: 5_000, waitingBytes: 16_777_216 };

/** How it is started. */
export interface ServiceStart {
  readonly setpriv: string;
  readonly account: Account;
  /** The file that runs as the service. */
  readonly entry: string;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Sockets that it inherits, in order. */
  readonly descriptors: readonly number[];
  /** Where its standard output goes: that of the launcher, or to whoever writes the log. */
  readonly output: 'inherit' | 'pipe';
}

/** One that runs. */
export interface ServiceProcess {
  readonly child: ChildProcess;
  readonly channel: LineChannel;
  /** Its end of the channel that handles come through; never read here. */
  readonly handles: Socket;
}

/**
 * What makes a process that of an account, without any right beyond. It ends with the one that started it.
 * @param death the signal that it gets then
 */
export function withoutRights(setpriv: string, { id, group }: Account, death: 'TERM' | 'KILL'): string[] {
  return [
    ...[setpriv, '--pdeathsig', death, '--no-new-privs', '--reuid', id, '--regid', group, '--init-groups'],
    // With CAP_SETPCAP kept from us (a container) the set cannot be made smaller; without new privileges nothing comes of it either way.
    ...(mayDropBounds(setpriv) ? ['--bounding-set', '-all'] : []),
    ...['--inh-caps', '-all', '--ambient-caps', '-all', '--'],
  ];
}

let knownBounds: boolean | null = null;
function mayDropBounds(setpriv: string): boolean {
  knownBounds ??=
    spawnSync(setpriv, ['--bounding-set', '-all', '--', setpriv, '--version'], { stdio: 'ignore' }).status === 0;
  return knownBounds;
}

/**
 * What keeps an account from being the service, in words that go on after its name; null: nothing.
 * @param paths files and folders that it must be able to read, besides Node
 */
export function whyNot(setpriv: string, account: Account, paths: readonly string[]): string | null {
  const can = (...words: readonly string[]): boolean => {
    const command = [...withoutRights(setpriv, account, 'KILL'), '/bin/sh', '-c', ...words];
    return spawnSync(command[0]!, command.slice(1), { stdio: 'ignore', cwd: '/' }).status === 0;
  };
  if (!can('exit 0')) return 'is nobody that this process can become: that takes CAP_SETUID and CAP_SETGID';
  const readable = 'test -r "$1" && { test ! -d "$1" || test -x "$1"; }';
  const unreadable = [process.execPath, ...paths].find((path) => !can(readable, 'sh', path));
  return unreadable === undefined ? null : `cannot read ${unreadable}`;
}

/** Starts it. Failing to is an event of its child. */
export function startService(start: ServiceStart, events: ChannelEvents): ServiceProcess {
  const { setpriv, account, entry, env, cwd, descriptors, output } = start;
  // KILL: nothing of it is left when the launcher has died, whatever it does just then.
  const command = [...withoutRights(setpriv, account, 'KILL'), process.execPath, ...process.execArgv, entry];
  const child = spawn(command[0]!, command.slice(1), {
    cwd,
    // Node takes handles from there.
    env: { ...env, NODE_CHANNEL_FD: String(handlesDescriptor), NODE_CHANNEL_SERIALIZATION_MODE: 'json' },
    // In a group of its own: a terminal's Ctrl-C is told by the launcher, once.
    detached: true,
    stdio: ['ignore', output, 'inherit', 'pipe', 'pipe', ...descriptors],
  });
  const [, , , line, handles] = child.stdio as unknown as Socket[];
  stopReading(handles!);
  handles!.on('error', () => {});
  return { child, channel: new LineChannel(line!, limits, events), handles: handles! };
}

/** What answers there is for the courier. */
function stopReading(socket: Socket): void {
  socket.pause();
  (socket as unknown as { _handle: { readStop(): void } | null })._handle?.readStop();
}
