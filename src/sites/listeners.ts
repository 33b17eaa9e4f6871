// The addresses that a service listens on, whatever is spoken there, each with its site; and how they go from one configuration
// to the next.

import { chmodSync, chownSync } from 'node:fs';
import { systemClock } from '../clock.ts';
import type { ConfigValues } from '../config/config-schema.ts';
import { formatListenAddress, type ListenAddress } from '../config/listen-address.ts';
import { type PlannedListener, plannedListeners } from '../config/listener-rules.ts';
import type { ListenValues } from '../config/site-schema.ts';
import type { Address } from '../connection/address.ts';
import type { BoundSocket } from '../connection/listen.ts';
import { PosternError } from '../errors.ts';
import { AcceptRoom } from '../front/accept-room.ts';
import type { ClientCounts, LimitHits, LimitName } from '../front/client-counts.ts';
import { ClientLimits, type ClientLimitValues } from '../front/client-limits.ts';
import { Http1Front, type Http1FrontOptions } from '../front/http1.ts';
import type { Refusal } from '../front/http1-refusal.ts';
import type { HttpHandler } from '../gateway/message.ts';
import type { Log } from '../log.ts';
import { HostTable, type NamedSite } from '../protocol/http/host-table.ts';
import type { ListenerContexts } from '../tls/listener-contexts.ts';
import { descriptorLimit, freeDescriptors } from '../worker/descriptors.ts';
import { Users } from '../worker/user.ts';
import { clientLimits } from './capacity.ts';

/** An address that is listened on. */
export interface Listener {
  /** As it was asked for: the same text for the same address. */
  readonly key: string;
  /** With the port that was found for port 0. */
  readonly address: ListenAddress;
  /** Connections that are open. */
  readonly connections: number;
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
  /** For HTTP: what clients may cost, in all. */
  readonly clients: ClientLimits;
  /** For HTTPS: with what connections are answered. */
  readonly tls: ListenerContexts | null;
  /** Whom the PROXY protocol is believed; null: it is not spoken. */
  readonly proxies: (() => readonly string[]) | null;
  /** How many connections descriptors are left for. */
  readonly room: AcceptRoom;
  readonly log: Log;
  /** Whether other threads listen on the same port. */
  readonly reusePort: boolean;
}

/**
 * Begins to listen.
 * @throws ADDRESS_IN_USE, CONFIG_INVALID
 */
export async function openListener(
  listen: ListenAddress,
  place: ListeningPlace,
  options: ListenerOptions,
): Promise<Listener> {
  const key = formatListenAddress(listen);
  const where = whereOf(listen.address, place);
  if (listen.protocol === 'fastcgi') return fastcgiListener(listen, where, key, options);
  const { handler, onRefused, log, reusePort, clients, room, tls, proxies } = options;
  const door = await doorOf(listen, tls);
  const front = new Http1Front({ handler, onRefused, log, clients, room, proxies, ...door });
  const address = await front.listen(where, { reusePort });
  return {
    key,
    address: { ...listen, address },
    get connections() {
      return front.connections;
    },
    close: (deadlineMs) => front.close(deadlineMs),
    destroy: () => front.destroy(),
  };
}

/** What connections pass before it is known what they speak; TLS and HTTP/2 are loaded with the first address that speaks them. */
async function doorOf(
  { protocol }: ListenAddress,
  contexts: ListenerContexts | null,
): Promise<Pick<Http1FrontOptions, 'tls' | 'h2c'>> {
  if (contexts === null && protocol !== 'h2c') return {};
  const { openH2cDoor, tlsDoor } = await import('../front/doors.ts');
  return contexts === null ? { h2c: openH2cDoor } : { tls: tlsDoor(contexts) };
}

function whereOf(address: Address, place: ListeningPlace): Address | BoundSocket {
  if (typeof place !== 'number') return place;
  return place !== 0 && address.kind === 'tcp' ? { ...address, port: place } : address;
}

async function fastcgiListener(
  listen: ListenAddress,
  where: Address | BoundSocket,
  key: string,
  { handler, allowedClients, room, log, reusePort }: ListenerOptions,
): Promise<Listener> {
  const { listenFastcgi } = await import('../front/fastcgi.ts');
  const front = await listenFastcgi(where, {
    handler,
    room,
    log,
    reusePort,
    ...(allowedClients.length === 0 ? {} : { allowedClients }),
  });
  return {
    key,
    address: { ...listen, address: front.address ?? listen.address },
    get connections() {
      return front.connections;
    },
    async close(deadlineMs) {
      const timer = systemClock.after(deadlineMs, () => front.destroy());
      await front.close();
      timer.cancel();
    },
    destroy: () => front.destroy(),
  };
}

/** A listener and the sites behind it. What may change is changed in place by a reload. */
export interface SiteListener {
  readonly listener: Listener;
  /** Whether somebody else has bound it, and says who may use it. */
  readonly isBound: boolean;
  /** Who may connect, where FastCGI is spoken. */
  readonly allowedClients: readonly string[];
  /** The first is told of what is no request. */
  sites: readonly NamedSite[];
  /** Which site a request is for. */
  table: HostTable;
  /** null: TLS is not spoken. */
  readonly contexts: ListenerContexts | null;
  /** Whether connections begin with the PROXY protocol, and whom it is believed. */
  readonly proxyProtocol: boolean;
  trustedProxies: readonly string[];
}

/** Listeners that were opened but not put in force: exactly one of the two is called. */
export interface ListenerChange {
  readonly words: readonly string[];
  /** Puts them in force, and closes those that are not there any more once their requests are done. */
  settle(deadlineMs: number): Promise<void>;
  /** Closes what was opened. */
  undo(): void;
}

/** What listeners are made with. */
export interface ListenerSetOptions {
  /** What answers a listener's requests, whichever site it has. */
  readonly handlerFor: (listener: { readonly table: HostTable }) => HttpHandler;
  /** Told of what came to a site and was no request. */
  readonly onRefused: (site: string, refusal: Refusal) => void;
  /** Makes what one more listener answers by TLS with. */
  readonly contexts: () => Promise<ListenerContexts>;
  readonly log: Log;
  /** Which of several threads this is, that listen on the same addresses. @default "alone" */
  readonly part?: ListeningPart | undefined;
  /** Where connections are counted. @default for this set alone */
  readonly counts?: ClientCounts | undefined;
}

/** Where to listen for an address: on a port in place of its own (0: that), or on a socket that was bound for us. */
export type ListeningPlace = number | BoundSocket;

/**
 * Who listens on the addresses of a service. Of several threads each has a socket of its own on a port (SO_REUSEPORT); a socket file has
 * but one socket, which is the first one's.
 */
export type ListeningPart = 'alone' | 'first' | 'other';

/** All listeners of one service. */
export class ListenerSet {
  readonly #options: ListenerSetOptions;
  /** What clients may cost, on all addresses together. */
  #clients: ClientLimits | null = null;
  #room: AcceptRoom | null = null;
  #values: ConfigValues['service'] | null = null;
  #listeners: readonly SiteListener[] = [];

  constructor(options: ListenerSetOptions) {
    this.#options = options;
  }

  get listeners(): readonly SiteListener[] {
    return this.#listeners;
  }

  /** A client met a limit. */
  hit(limit: LimitName): void {
    this.#clients?.hit(limit);
  }

  /** How often clients met each limit. */
  get hits(): LimitHits | null {
    return this.#clients?.hits ?? null;
  }

  /**
   * Opens the addresses that are new; those of before go on unharmed.
   * @param places where to listen, in the order of the addresses; absent: as the address says
   * @throws ADDRESS_IN_USE, CONFIG_INVALID; then nothing is left open
   */
  async change(
    { site: sites, service }: Pick<ConfigValues, 'site' | 'service'>,
    places: readonly ListeningPlace[] = [],
  ): Promise<ListenerChange> {
    const limits = this.#limitsOf(service);
    this.#clients ??= new ClientLimits(limits, this.#options.counts);
    this.#room ??= this.#roomFor(this.#clients);
    const after: { readonly entry: SiteListener; readonly planned: PlannedListener }[] = [];
    const opened: Listener[] = [];
    const undo = (): void => {
      for (const listener of opened) listener.destroy();
    };
    try {
      for (const [index, planned] of plannedListeners(sites).entries()) {
        const { address: listen, access } = planned;
        const place = places[index] ?? 0;
        const key = formatListenAddress(listen);
        const kept = this.#listeners.find(
          (one) => one.listener.key === key && !after.some(({ entry }) => entry === one),
        );
        // A socket file has but one socket, unless this thread has a descriptor of it.
        const isOfFirst = listen.address.kind === 'unix' && place === 0;
        if (kept === undefined && isOfFirst && this.#options.part === 'other') continue;
        if (kept !== undefined) checkKept(kept, planned);
        const entry = kept ?? (await this.#open(planned, place));
        if (kept === undefined) {
          opened.push(entry.listener);
          if (!entry.isBound) setSocketAccess(listen.address, access);
        }
        after.push({ entry, planned });
      }
    } catch (error) {
      undo();
      throw error;
    }
    const gone = this.#listeners
      .filter((one) => !after.some(({ entry }) => entry === one))
      .map(({ listener }) => listener);
    return {
      words: [
        ...opened.map(({ address }) => `listening on ${formatListenAddress(address)}`),
        ...gone.map(({ address }) => `no longer on ${formatListenAddress(address)}`),
      ],
      undo,
      settle: async (deadlineMs) => {
        this.#values = service;
        this.#clients?.change(limits);
        for (const { entry, planned } of after) {
          putInForce(entry, planned);
          if (!entry.isBound) setSocketAccess(entry.listener.address.address, planned.access);
        }
        this.#listeners = after.map(({ entry }) => entry);
        await Promise.all(gone.map((listener) => listener.close(deadlineMs)));
      },
    };
  }

  /** Stops listening at once; resolves when the requests are done, or ended after the deadline. Repeatable. */
  async close(deadlineMs: number): Promise<void> {
    await Promise.all(this.#listeners.map(({ listener }) => listener.close(deadlineMs)));
  }

  /** Ends everything at once. Repeatable. */
  destroy(): void {
    for (const { listener } of this.#listeners) listener.destroy();
  }

  #limitsOf(values: ConfigValues['service'], descriptors = descriptorLimit()): ClientLimitValues {
    return clientLimits(values, descriptors, this.#options.counts?.threads ?? 0);
  }

  #roomFor(clients: ClientLimits): AcceptRoom {
    const onLimit = (limit: number): void => {
      if (this.#values !== null) clients.change(this.#limitsOf(this.#values, limit));
    };
    const descriptors = { limit: descriptorLimit, free: freeDescriptors };
    return new AcceptRoom({ descriptors, clients, onLimit, log: this.#options.log });
  }

  async #open(planned: PlannedListener, place: ListeningPlace): Promise<SiteListener> {
    const { address, sites, allowedClients, trustedProxies, access } = planned;
    const { proxyProtocol } = access;
    const { handlerFor, onRefused, log, part = 'alone' } = this.#options;
    const contexts = address.protocol === 'https' ? await this.#options.contexts() : null;
    const isBound = typeof place !== 'number';
    const table = new HostTable([]);
    const entry = { allowedClients, sites, table, contexts, isBound, proxyProtocol, trustedProxies };
    putInForce(entry, planned);
    const listener = await openListener(address, place, {
      clients: this.#clients!,
      room: this.#room!,
      handler: handlerFor(entry),
      onRefused: (refusal) => onRefused(entry.table.fallback ?? entry.sites[0]!.site, refusal),
      allowedClients,
      tls: contexts,
      proxies: proxyProtocol ? () => entry.trustedProxies : null,
      log,
      reusePort: part !== 'alone' && !entry.isBound,
    });
    return Object.assign(entry, { listener });
  }
}

function putInForce(entry: Omit<SiteListener, 'listener'>, { sites, trustedProxies }: PlannedListener): void {
  entry.sites = sites;
  entry.trustedProxies = trustedProxies;
  entry.table = new HostTable(sites);
  entry.contexts?.use(sites, entry.table);
}

/** A listener that is kept lets in whom it did before: to go on without a word would keep a door open that was to be closed. */
function checkKept(
  { listener: { key, address }, allowedClients, proxyProtocol }: SiteListener,
  wanted: PlannedListener,
): void {
  const isOther = address.protocol === 'fastcgi' && allowedClients.join() !== wanted.allowedClients.join();
  const changed = isOther ? 'allowedClients' : proxyProtocol === wanted.access.proxyProtocol ? null : 'proxyProtocol';
  if (changed === null) return;
  throw new PosternError(
    'CONFIG_INVALID',
    `${changed} of ${key} changed, which takes a new start: stop the service and start it again, or listen elsewhere`,
  );
}

/** What an address says of its socket file. */
type SocketAccess = Pick<ListenValues, 'owner' | 'group' | 'mode'>;

/**
 * Sets them; nothing where the address is no socket file. Owner and group first: the mode then never lets in whom it is not for.
 * @throws CONFIG_INVALID when this user may not
 */
function setSocketAccess(address: Address, { owner, group, mode }: SocketAccess): void {
  if (address.kind !== 'unix') return;
  const users = new Users();
  const account = owner === undefined ? null : users.accountOf(owner);
  const groupId = group === undefined ? account?.group : users.groupNamed(group);
  try {
    if (owner !== undefined || group !== undefined)
      chownSync(address.path, Number(account?.id ?? -1), Number(groupId ?? -1));
    chmodSync(address.path, mode);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const who = [owner, group].filter((name) => name !== undefined).join(' and ');
    const why = code === 'EPERM' ? `this user may not give it to ${who}` : (error as Error).message;
    throw new PosternError('CONFIG_INVALID', `the socket file ${address.path}: ${why}`, { cause: error });
  }
}
