// What faces clients in one thread: the gateways of the sites and the addresses that lead to them, and how both go from one
// configuration to the next.

import type { Config } from '../config/config.ts';
import type { Gateway } from '../gateway/handle.ts';
import type { Log } from '../log.ts';
import type { Faults } from './faults.ts';
import { type AccessLog, Gateways, makeGateways, refusedRecord } from './gateways.ts';
import { ListenerSet, type SiteListener } from './listeners.ts';
import type { FrontPool } from './pool-pages.ts';

/** What they are made with. */
export interface SiteFrontsOptions {
  readonly log: Log;
  readonly faults: Faults;
  /** Told of each answer. @default nobody is */
  readonly onAccess?: AccessLog | undefined;
  /** See `Site.isDeveloped`. @default false */
  readonly isDeveloped?: boolean | undefined;
}

/** The pools that routes lead to, by name. */
export type Backends = ReadonlyMap<string, FrontPool>;

/** Fronts for another configuration: opened, not in force. `undo` ends it at any time before `settle`. */
export interface FrontsChange {
  /** What is new, in words. */
  readonly words: readonly string[];
  /** Makes what answers there, from the pools that there are now. @throws CONFIG_INVALID */
  prepare(backends: Backends): Promise<void>;
  /** Puts all of it in force at once; resolves when what is not wanted any more has finished its requests. */
  settle(deadlineMs: number): Promise<void>;
  /** Closes what was opened. */
  undo(): void;
}

/** What a service shows of its fronts, and asks of them; in one thread or in several. */
export interface Fronts {
  readonly listeners: readonly Pick<SiteListener, 'site' | 'listener'>[];
  /** Requests that are on their way. */
  readonly running: number;
  /** Answers by status. */
  readonly answers: Readonly<Record<string, number>>;
  /** The gateway of a site in this thread; undefined: the site is not served. */
  gatewayOf(site: string): Gateway | undefined;
  /** Opens the addresses of a configuration that are new. @throws ADDRESS_IN_USE, CONFIG_INVALID; then nothing is left open */
  open(config: Config): Promise<FrontsChange>;
  /** Stops listening at once; resolves when the requests are done, or ended after the deadline. Repeatable. */
  close(deadlineMs: number): Promise<void>;
  /** Ends everything at once. Repeatable. */
  destroy(): void;
}

/** The fronts of this thread. */
export class SiteFronts implements Fronts {
  readonly #options: SiteFrontsOptions;
  readonly #gateways: Gateways;
  readonly #listeners: ListenerSet;

  constructor(options: SiteFrontsOptions) {
    this.#options = options;
    this.#gateways = new Gateways(options.faults, options.onAccess);
    this.#listeners = new ListenerSet({
      handlerFor: (listener) => this.#gateways.handlerFor(listener),
      onRefused: (site, refusal) => this.#gateways.tell(refusedRecord(site, refusal)),
      log: options.log,
    });
  }

  /** See Fronts. */
  get listeners(): readonly SiteListener[] {
    return this.#listeners.listeners;
  }

  /** See Fronts. */
  get running(): number {
    return this.#gateways.running;
  }

  /** See Fronts. */
  get answers(): Readonly<Record<string, number>> {
    return this.#gateways.answers;
  }

  /** See Fronts. */
  gatewayOf(site: string): Gateway | undefined {
    return this.#gateways.of(site);
  }

  /** See Fronts. */
  async open(config: Config): Promise<FrontsChange> {
    const listening = await this.#listeners.change(config.values);
    const { log, isDeveloped } = this.#options;
    let gateways: ReadonlyMap<string, Gateway> = new Map();
    return {
      words: listening.words,
      prepare: async (backends) => {
        gateways = makeGateways(config, backends, log, this.#gateways.tell, isDeveloped);
      },
      settle: (deadlineMs) => {
        this.#gateways.use(gateways);
        return listening.settle(deadlineMs);
      },
      undo: () => listening.undo(),
    };
  }

  /** See Fronts. */
  close(deadlineMs: number): Promise<void> {
    return this.#listeners.close(deadlineMs);
  }

  /** See Fronts. */
  destroy(): void {
    this.#listeners.destroy();
  }
}
