// An application behind FastCGI sockets: requests come to it until it is told to stop.

import type { Address } from '../connection/address.ts';
import type { InheritedSocket } from '../connection/listen.ts';
import { FastcgiServer, webServerAddresses } from '../fastcgi-server/fastcgi-server.ts';
import { type Log, silentLog } from '../log.ts';
import type { RunOptions } from './app-options.ts';
import type { Instance } from './instance.ts';

/** What the service needs to know besides what `run` was told. */
export interface ServeOptions extends RunOptions {
  readonly stopTimeoutMs: number;
  /** The process's environment, for FCGI_WEB_SERVER_ADDRS. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** An application that serves FastCGI. */
export interface FastcgiService {
  /** Where it listens, with the real ports. */
  readonly addresses: readonly Address[];
  /** Descriptors of the listening sockets, in the order they were asked for. */
  readonly descriptors: readonly number[];
  /** Accepts no more, lets running requests finish up to `stopTimeoutMs`, and shuts the modules down. Repeatable. */
  close(): Promise<void>;
  /**
   * After an error that nobody caught: begins no more at once, and lets running requests finish, up to `stopTimeoutMs`. The process is to end then.
   * @param isRefusing whether what comes meanwhile is refused; else it stays unread
   * @returns whether all of them did
   */
  halt(isRefusing: boolean): Promise<boolean>;
}

/** Where a service listens; `shared` sockets are accepted on by other threads too, and so are never closed. */
export interface Place {
  readonly where: Address | InheritedSocket;
  readonly isShared: boolean;
  /** Whether other sockets may be bound to the same port (SO_REUSEPORT). */
  readonly reusePort?: boolean;
}

/**
 * Listens, and gives each request to the instance.
 * @throws ADDRESS_IN_USE, CONFIG_INVALID; then nothing listens
 */
export async function serveFastcgi(
  instance: Instance,
  places: readonly Place[],
  options: ServeOptions,
): Promise<FastcgiService> {
  const log: Log = options.log ?? silentLog;
  const servers: FastcgiServer[] = [];
  try {
    for (const { where, reusePort } of places) {
      const server = new FastcgiServer({
        run: (request, sink) => instance.run(request, sink),
        limits: options.connectionLimits,
        allowedClients: options.allowedClients ?? webServerAddresses(options.environment.FCGI_WEB_SERVER_ADDRS),
        backlog: options.backlog,
        log,
        reusePort: reusePort ?? false,
      });
      servers.push(server);
      await server.listen(where);
    }
  } catch (thrown) {
    for (const server of servers) server.destroy();
    throw thrown;
  }
  let closing: Promise<void> | null = null;
  return {
    addresses: servers.flatMap((server) => server.address ?? []),
    descriptors: servers.flatMap((server) => server.descriptor ?? []),
    close() {
      closing ??= stop(servers, places, instance, options.stopTimeoutMs);
      return closing;
    },
    halt: (isRefusing) => halt(servers, instance, options.stopTimeoutMs, isRefusing),
  };
}

async function halt(
  servers: readonly FastcgiServer[],
  instance: Instance,
  stopTimeoutMs: number,
  isRefusing: boolean,
): Promise<boolean> {
  const halted = Promise.all(servers.map((server) => server.halt(isRefusing))).then(() => true);
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), stopTimeoutMs);
  const [isDone] = await Promise.all([Promise.race([halted, late.promise]), instance.close()]);
  clearTimeout(timer);
  return isDone;
}

async function stop(
  servers: readonly FastcgiServer[],
  places: readonly Place[],
  instance: Instance,
  stopTimeoutMs: number,
): Promise<void> {
  // Who has connected is accepted in a turn of the event loop; with the socket the kernel resets all who are not.
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  const late = setTimeout(() => {
    for (const server of servers) server.destroy();
  }, stopTimeoutMs);
  await Promise.all(servers.map((server, index) => (places[index]!.isShared ? server.drain() : server.close())));
  clearTimeout(late);
  await instance.close();
}
