// One address that a service listens on, whatever is spoken there; and a clear refusal when it cannot be had.

import { systemClock } from '../clock.ts';
import { formatListenAddress, type ListenAddress } from '../config/listen-address.ts';
import { Http1Front } from '../front/http1.ts';
import { defaultHttp1Limits } from '../front/http1-limits.ts';
import type { Refusal } from '../front/http1-refusal.ts';
import type { HttpHandler } from '../gateway/message.ts';
import type { Log } from '../log.ts';
import { descriptorLimit } from '../worker/descriptors.ts';

/** An address that is listened on. */
export interface Listener {
  /** As it was asked for: the same text for the same address. */
  readonly key: string;
  /** With the port that was found for port 0. */
  readonly address: ListenAddress;
  /** Stops listening at once; resolves when the requests are done, or ended after the deadline. Repeatable. */
  close(deadlineMs: number): Promise<void>;
  /** Ends everything at once. Repeatable. */
  destroy(): void;
}

/** What is behind an address. */
export interface ListenerOptions {
  readonly handler: HttpHandler;
  /** For HTTP: told of what was answered though it was no request. */
  readonly onRefused: (refusal: Refusal) => void;
  /** For FastCGI: addresses and networks that may connect; empty: those of this machine. */
  readonly allowedClients: readonly string[];
  readonly log: Log;
}

/**
 * Begins to listen.
 * @throws ADDRESS_IN_USE, CONFIG_INVALID
 */
export async function openListener(listen: ListenAddress, options: ListenerOptions): Promise<Listener> {
  const key = formatListenAddress(listen);
  if (listen.protocol === 'fastcgi') return fastcgiListener(listen, key, options);
  const { handler, onRefused, log } = options;
  const limits = { maxConnections: connectionsFor(descriptorLimit()) };
  const front = new Http1Front({ handler, onRefused, log, limits });
  const address = await front.listen(listen.address);
  return {
    key,
    address: { ...listen, address },
    close: (deadlineMs) => front.close(deadlineMs),
    destroy: () => front.destroy(),
  };
}

/**
 * How many connections clients may have open, so that half of what descriptors there are, 512 at most, are left: for
 * workers, files, the log, and for whoever asks what is wrong.
 */
export function connectionsFor(descriptors: number): number {
  return Math.min(defaultHttp1Limits.maxConnections, descriptors - Math.min(Math.ceil(descriptors / 2), 512));
}

async function fastcgiListener(
  listen: ListenAddress,
  key: string,
  { handler, allowedClients, log }: ListenerOptions,
): Promise<Listener> {
  const { listenFastcgi } = await import('../front/fastcgi.ts');
  const front = await listenFastcgi(listen.address, {
    handler,
    log,
    ...(allowedClients.length === 0 ? {} : { allowedClients }),
  });
  return {
    key,
    address: { ...listen, address: front.address ?? listen.address },
    async close(deadlineMs) {
      const timer = systemClock.after(deadlineMs, () => front.destroy());
      await front.close();
      timer.cancel();
    },
    destroy: () => front.destroy(),
  };
}
