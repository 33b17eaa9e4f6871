// Where `postern serve` listens: as it is told, or at the first free ports.

import { PosternError } from '../errors.ts';
import { UsageError } from './exit-status.ts';
import { freePort } from './free-port.ts';
import type { ServeOptions } from './serve-command.ts';

/** Addresses as a configuration has them, and what is to be said of them. */
export interface ServeAddresses {
  readonly listen: string;
  readonly admin: string;
  readonly notes: readonly string[];
}

const firstPort = 8000;
const firstTlsPort = 8443;
const firstAdminPort = 2020;
const portTries = 5;

/**
 * Starts something that listens there; where nobody named the port, one that was taken since it was found free makes way for the next.
 * @param start is given null where a configuration says it
 */
export async function startFree<Started>(
  options: ServeOptions,
  start: (addresses: ServeAddresses | null) => Promise<Started>,
): Promise<Started> {
  for (let tries = 1; ; tries += 1) {
    const addresses = options.config === undefined ? await findAddresses(options) : null;
    try {
      return await start(addresses);
    } catch (error) {
      const isNamed = [options.config, options.listen ?? options.port, options.admin].some((one) => one !== undefined);
      const isTaken = error instanceof PosternError && error.code === 'ADDRESS_IN_USE';
      if (!isTaken || isNamed || tries === portTries)
        throw options.config === undefined ? inOptions(error, options) : error;
    }
  }
}

/** What a configuration would be told to change is an option here. */
function inOptions(error: unknown, { admin }: ServeOptions): unknown {
  if (!(error instanceof PosternError) || admin === undefined || !error.message.startsWith(`${admin} `)) return error;
  const message = error.message.replace(
    /(?:choose another listen in \[admin\]|stop what listens there, or choose another address|listen elsewhere)$/,
    'choose another address with --admin',
  );
  return message === error.message ? error : new PosternError(error.code, message, { cause: error });
}

async function findAddresses(options: ServeOptions): Promise<ServeAddresses> {
  const { listen, notes } = await listenOf(options);
  const admin = options.admin ?? `127.0.0.1:${await freePort('127.0.0.1', firstAdminPort)}`;
  const isPlain = options.tls !== true || listen.startsWith('https://');
  return { listen: isPlain ? listen : `https://${listen}`, admin, notes };
}

/** The address that was asked for, or else the first free port. */
async function listenOf({ listen, port, tls }: ServeOptions): Promise<{ listen: string; notes: string[] }> {
  if (tls === true && listen !== undefined && /^(?!https:)[a-z+]+:/.test(listen))
    throw new UsageError(`--tls is for ports: ${listen} is none`);
  if (listen !== undefined) return { listen, notes: [] };
  if (port !== undefined) return { listen: `127.0.0.1:${port}`, notes: [] };
  const first = tls === true ? firstTlsPort : firstPort;
  const free = await freePort('127.0.0.1', first);
  const notes = free === first ? [] : [`port ${first} is in use, so ${free} was taken: choose one with --port`];
  return { listen: `127.0.0.1:${free}`, notes };
}
