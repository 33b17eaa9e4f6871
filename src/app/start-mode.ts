// Finds how the application was started: who holds descriptor 0, what is in the environment, what stands on the command line.

import { fstatSync } from 'node:fs';
import { createServer } from 'node:net';
import { type Address, parseAddress } from '../connection/address.ts';
import type { InheritedSocket } from '../connection/listen.ts';

/** What a process can know of its start. */
export interface StartFacts {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  /** Whether descriptor 0 is a listening socket; libfcgi's test is the same (FastCGI 1.0, section 2.2). */
  readonly isListening: boolean;
  /** An address to listen on, from the options or the command line. */
  readonly listen: string | undefined;
  /** Threads that are asked for; 1: none but the main one. */
  readonly threads: number;
  /** Whether the command line asks for a request. */
  readonly hasRequest: boolean;
}

/** What to do, then. */
export type Start =
  | { readonly mode: 'cli' | 'cgi' }
  | { readonly mode: 'fastcgi' | 'threads'; readonly where: readonly (Address | InheritedSocket)[] };

/** The first descriptor that systemd passes (sd_listen_fds(3)). */
const SYSTEMD_FIRST_FD = 3;

/**
 * Decides the mode, the first of these that holds:
 * 1. descriptor 0 is a listening socket: a FastCGI server's child;
 * 2. GATEWAY_INTERFACE is set: a CGI program, one request;
 * 3. LISTEN_PID is our pid: systemd's sockets;
 * 4. the command line names a request: that request;
 * 5. an address is given: a FastCGI server on it;
 * 6. otherwise the command line, with the request for "/".
 * @throws CONFIG_INVALID for an address that is none
 */
export function decideStart(facts: StartFacts): Start {
  const { environment, isListening, listen, hasRequest } = facts;
  const mode = facts.threads > 1 ? 'threads' : 'fastcgi';
  if (isListening) return { mode, where: [{ fd: 0 }] };
  if (environment.GATEWAY_INTERFACE !== undefined) return { mode: 'cgi' };
  const sockets = Number(environment.LISTEN_FDS ?? 0);
  if (environment.LISTEN_PID === String(facts.pid) && sockets > 0) {
    return { mode, where: Array.from({ length: sockets }, (_, index) => ({ fd: SYSTEMD_FIRST_FD + index })) };
  }
  if (!hasRequest && listen !== undefined) return { mode, where: [parseAddress(listen)] };
  return { mode: 'cli' };
}

/**
 * Tries to listen on a descriptor, which only a listening socket lets us (a connected one refuses with EINVAL), and lets go of it
 * again. Only for descriptors 0 to 2, which libuv never closes.
 */
export async function isListeningSocket(fd: 0 | 1 | 2): Promise<boolean> {
  try {
    if (!fstatSync(fd).isSocket()) return false;
  } catch {
    // The descriptor is closed.
    return false;
  }
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen({ fd }, () => server.close(() => resolve(true)));
    server.unref();
  });
}
