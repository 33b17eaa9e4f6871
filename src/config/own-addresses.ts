// Whether the addresses of a configuration are this machine's, and this user's to listen on: asked of the system, without taking one from whoever has it.

import { accessSync, constants, lstatSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import type { Address } from '../connection/address.ts';
import { listenReason } from '../connection/listen.ts';
import type { ConfigValues } from './config-schema.ts';
import { parseListenAddress } from './listen-address.ts';
import { listenersOf } from './listener-rules.ts';
import { keyName, type Problem, refused } from './problem.ts';

/**
 * What is wrong with the addresses. Those that are in use are not: a reload, or a second look, finds its own there.
 * @param values socket files start from the top
 */
export async function addressProblems(values: Pick<ConfigValues, 'site' | 'admin'>): Promise<Problem[]> {
  const asked = new Map<string, Promise<string | null>>();
  const found = listenersOf(values).map(async ({ path, text }): Promise<Problem[]> => {
    if (refused(() => parseListenAddress(text), path).length > 0) return []; // told already
    const { address } = parseListenAddress(text);
    // A thousand sites on one address are one question.
    const key = address.kind === 'tcp' ? `${address.host} ${isPrivileged(address.port) ? address.port : 0}` : text;
    const reason = asked.get(key) ?? whyNot(address);
    asked.set(key, reason);
    const why = await reason;
    return why === null ? [] : [{ path, message: `${keyName(path)}: cannot listen on "${text}": ${why}` }];
  });
  return (await Promise.all(found)).flat();
}

/** Why an address cannot be listened on, in words; null: it can, as far as can be told. */
async function whyNot(address: Address): Promise<string | null> {
  if (address.kind === 'unix') return whyNoSocket(address.path);
  const { host, port } = address;
  // Any port tells whether the host is ours. One that only root may have is asked for itself: nobody else can be there meanwhile.
  const error = await listenError(host, isPrivileged(port) ? port : 0);
  return error === null || error.code === 'EADDRINUSE' ? null : listenReason(error, `${host}:${port}`);
}

const isPrivileged = (port: number): boolean => port > 0 && port < 1024 && process.getuid?.() !== 0;

function listenError(host: string, port: number): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host, port }, () => server.close(() => resolve(null)));
  });
}

function whyNoSocket(path: string): string | null {
  const folder = dirname(path);
  try {
    if (!lstatSync(folder, { throwIfNoEntry: false })) return `there is no folder ${folder}`;
    accessSync(folder, constants.W_OK | constants.X_OK);
    const there = lstatSync(path, { throwIfNoEntry: false });
    return there === undefined || there.isSocket() ? null : 'there is a file of that name, which is no socket';
  } catch (error) {
    return listenReason(error as NodeJS.ErrnoException, path);
  }
}
