// The listeners of a service, each with its site; and how they go from one configuration to the next.

import type { ConfigValues } from '../config/config-schema.ts';
import { formatListenAddress, type ListenAddress, parseListenAddress } from '../config/listen-address.ts';
import { PosternError } from '../errors.ts';
import type { Refusal } from '../front/http1-refusal.ts';
import type { HttpHandler } from '../gateway/message.ts';
import type { Log } from '../log.ts';
import { type Listener, openListener } from './listener.ts';

/** A listener and the site behind it. */
export interface SiteListener {
  /** Changed in place by a reload that gives its address to another site. */
  site: string;
  readonly listener: Listener;
  /** Who may connect, where FastCGI is spoken. */
  readonly allowedClients: readonly string[];
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
  /** What answers a site's requests now; asked for each request. */
  readonly handlerOf: (site: string) => HttpHandler;
  /** Told of what came to a site and was no request. */
  readonly onRefused: (site: string, refusal: Refusal) => void;
  readonly log: Log;
}

/** All listeners of one service. */
export class ListenerSet {
  readonly #options: ListenerSetOptions;
  #listeners: readonly SiteListener[] = [];

  constructor(options: ListenerSetOptions) {
    this.#options = options;
  }

  get listeners(): readonly SiteListener[] {
    return this.#listeners;
  }

  /**
   * Opens the addresses that are new; those of before go on unharmed.
   * @throws ADDRESS_IN_USE, CONFIG_INVALID; then nothing is left open
   */
  async change(sites: ConfigValues['site']): Promise<ListenerChange> {
    const wanted = Object.entries(sites).flatMap(([site, { listen, allowedClients }]) =>
      listen.map((text) => ({ site, allowedClients, address: parseListenAddress(text) })),
    );
    const after: { readonly entry: SiteListener; readonly site: string }[] = [];
    const opened: Listener[] = [];
    const undo = (): void => {
      for (const listener of opened) listener.destroy();
    };
    try {
      for (const { site, allowedClients, address } of wanted) {
        const key = formatListenAddress(address);
        const kept = this.#listeners.find(
          (one) => one.listener.key === key && !after.some(({ entry }) => entry === one),
        );
        if (kept !== undefined) checkClients(kept, allowedClients);
        const entry = kept ?? (await this.#open(site, address, allowedClients));
        if (kept === undefined) opened.push(entry.listener);
        after.push({ entry, site });
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
        for (const { entry, site } of after) entry.site = site;
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

  async #open(site: string, address: ListenAddress, allowedClients: readonly string[]): Promise<SiteListener> {
    const entry = { site, allowedClients };
    const { handlerOf, onRefused, log } = this.#options;
    const listener = await openListener(address, {
      handler: (request, answer) => handlerOf(entry.site)(request, answer),
      onRefused: (refusal) => onRefused(entry.site, refusal),
      allowedClients,
      log,
    });
    return Object.assign(entry, { listener });
  }
}

/** A listener that is kept lets in whom it did before: to go on without a word would keep a door open that was to be closed. */
function checkClients({ listener: { key, address }, allowedClients }: SiteListener, wanted: readonly string[]): void {
  if (address.protocol !== 'fastcgi' || allowedClients.join() === wanted.join()) return;
  throw new PosternError(
    'CONFIG_INVALID',
    `allowedClients of ${key} changed, which takes a new start: stop the service and start it again, or listen elsewhere`,
  );
}
