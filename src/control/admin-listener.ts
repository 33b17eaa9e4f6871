// The admin pages on an address of their own, through node:http.

import { type AdminOptions, adminHandler } from '../admin/admin-handler.ts';
import type { AdminSource } from '../admin/source.ts';
import { type Address, formatAddress } from '../connection/address.ts';
import { type BoundSocket, listenOn, listenReason } from '../connection/listen.ts';
import { PosternError } from '../errors.ts';

/**
 * node:http's, without what an import of it brings along: an ES module reads every export of it, the lazy WebSocket too, and that
 * loads undici, 20 ms of each start and of each command that asks a service.
 */
export const { createServer } = process.getBuiltinModule('node:http');

/** The admin pages while they are served. */
export interface AdminListener {
  /** As it was asked for. */
  readonly key: string;
  /** "http://127.0.0.1:2020/", or the path of a socket. */
  readonly url: string;
  /** Repeatable. */
  close(): void;
}

/**
 * Begins to listen.
 * @throws ADDRESS_IN_USE, CONFIG_INVALID
 */
export async function openAdmin(
  where: Address | BoundSocket,
  source: AdminSource,
  options: AdminOptions,
): Promise<AdminListener> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 }, adminHandler(source, options));
  const address = 'fd' in where ? where.address : where;
  const real = await listenOn(server, where).catch((error: PosternError) => {
    throw listenError(address, error);
  });
  return {
    key: formatAddress(address),
    url: real.kind === 'tcp' ? `http://${formatAddress(real)}/` : formatAddress(real),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function listenError(address: Address, { code, cause }: PosternError): PosternError {
  const text = formatAddress(address);
  const message =
    code === 'ADDRESS_IN_USE'
      ? `${text} is in use: choose another listen in [admin]`
      : `the admin pages cannot listen on ${text}: ${listenReason(cause as NodeJS.ErrnoException, text)}`;
  return new PosternError(code, message, { cause });
}
