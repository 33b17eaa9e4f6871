// Hands a socket to a service that runs already, by a process of the service's own rights: see `courier.ts`.

import { type ChildProcess, spawn } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PosternError } from '../errors.ts';
import { type Becoming, withoutRights } from './becoming.ts';
import { type HeldSocket, portOf } from './held-sockets.ts';
import type { ServiceProcess } from './service-process.ts';

/** As TypeScript from a checkout, as JavaScript when built. */
const courier = fileURLToPath(new URL(`./courier${extname(import.meta.url)}`, import.meta.url));
const limitMs = 10_000;
/** Of the courier: the standard descriptors, and the channel. */
const channelDescriptor = 3;
const firstDescriptor = 4;

/**
 * Hands it over as so many descriptors.
 * @throws LAUNCH_FAILED when the service does not take them
 */
export async function sendSocket(
  { listen, address, descriptor }: HeldSocket,
  count: number,
  { handles }: Pick<ServiceProcess, 'handles'>,
  becoming: Becoming,
): Promise<void> {
  const note = JSON.stringify([listen, portOf(address)]);
  const sockets = Array.from({ length: count }, (_, index) => [firstDescriptor + index, note]);
  const command = [...withoutRights(becoming, 'KILL'), process.execPath, ...process.execArgv, courier];
  const { fd } = (handles as unknown as { _handle: { fd: number } | null })._handle ?? { fd: -1 };
  const child = spawn(command[0]!, [...command.slice(1), JSON.stringify(sockets)], {
    cwd: '/',
    env: { NODE_CHANNEL_FD: String(channelDescriptor), NODE_CHANNEL_SERIALIZATION_MODE: 'json' },
    stdio: ['ignore', 'ignore', 'inherit', fd, ...sockets.map(() => descriptor)],
  });
  if ((await statusOf(child)) === 0) return;
  throw new PosternError(
    'LAUNCH_FAILED',
    `the socket of ${listen} could not be handed to the service: look at its log`,
  );
}

function statusOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
    child.once('error', () => resolve(null));
    child.once('exit', (code) => {
      clearTimeout(timer);
      resolve(code);
    });
  });
}
