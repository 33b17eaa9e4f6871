// What faces clients in one thread: the gateways of the sites and the addresses that lead to them, and how both go from one
// configuration to the next.

import type { ThreadLoad, ThreadStatus } from '../admin/source.ts';
import type { Faults } from '../backend/faults.ts';
import type { Unit } from '../backend/unit.ts';
import type { Config } from '../config/config.ts';
import type { ListenAddress } from '../config/listen-address.ts';
import type { Binder } from '../connection/listen.ts';
import type { ClientCounts } from '../front/client-counts.ts';
import type { Gateway } from '../gateway/handle.ts';
import { openTelemetryTraces } from '../gateway/open-telemetry.ts';
import type { SharedLimits } from '../gateway/shared-limits.ts';
import type { Log, LogFields } from '../log.ts';
import type { NamedSite } from '../protocol/http/host-table.ts';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import { TlsInForce } from '../tls/listener-contexts.ts';
import { ProofFolder } from '../tls/proof-folder.ts';
import { noTls, type TlsMaterial } from '../tls/tls-material.ts';
import { BoundPlaces } from './bound-places.ts';
import { makeGateways } from './configured-gateways.ts';
import { type AccessLog, Gateways } from './gateways.ts';
import type { HttpSeries } from './http-durations.ts';
import { ListenerSet, type ListeningPart, type ListeningPlace } from './listeners.ts';
import type { FrontPool } from './pool-pages.ts';
import { refusedRecord } from './refused.ts';
import { EventLoopWatch } from './thread-load.ts';

/** What of a configuration has to do with clients. */
export interface FrontsConfig extends Pick<Config, 'file' | 'folder' | 'values'> {
  /** What is answered by TLS with. */
  readonly tls: TlsMaterial;
}

/** What they are made with. */
export interface SiteFrontsOptions {
  readonly log: Log;
  readonly faults: Pick<Faults, 'report'>;
  /** Told of each answer. @default nobody is */
  readonly onAccess?: AccessLog | undefined;
  /** See `Site.isDeveloped`. @default false */
  readonly isDeveloped?: boolean | undefined;
  /** @default "alone" */
  readonly part?: ListeningPart | undefined;
  /** Where connections of clients are counted. @default for this thread alone */
  readonly clients?: ClientCounts | undefined;
  /** Where requests of a client are counted that rules limit. @default for this thread alone */
  readonly limits?: SharedLimits | undefined;
  /** Where answers are counted by status. @default memory of its own */
  readonly counts?: Uint32Array | undefined;
  /** Where durations are counted. @default memory of its own */
  readonly durations?: SharedArrayBuffer | undefined;
  /** Who binds the sockets. @default this process */
  readonly binder?: Binder | undefined;
}

/** The pools that routes lead to, by name. */
export type Backends = ReadonlyMap<string, FrontPool>;

/** Fronts for another configuration: opened, not in force. `undo` ends it at any time before `commit`. */
export interface FrontsChange {
  /** What is new, in words. */
  readonly words: readonly string[];
  /** Makes what answers there, from the pools that there are now. @throws CONFIG_INVALID */
  prepare(backends: Backends): Promise<void>;
  /**
   * Puts all of it in force; resolves when it is. In this thread that is at once, before the call returns.
   * @param deadlineMs for the requests of addresses that are not listened on any more
   */
  commit(deadlineMs: number): Promise<void>;
  /** Resolves when what is not wanted any more has finished its requests; to be asked for after `commit`. */
  over(): Promise<void>;
  /** Closes what was opened. */
  undo(): void;
}

/** An address that is listened on, for the status. */
export interface ListenerPlace {
  readonly sites: readonly NamedSite[];
  /** With the port that was found for port 0. */
  readonly address: ListenAddress;
}

/** What a service shows of its fronts, and asks of them; in one thread or in several. */
export interface Fronts {
  readonly listeners: readonly ListenerPlace[];
  /** Requests that are on their way. */
  readonly running: number;
  /** Answers by status. */
  readonly answers: Readonly<Record<string, number>>;
  /** How often clients met each limit, by the key that sets it. */
  readonly limited: Readonly<Record<string, number>>;
  /** How long requests took, by site, method and status. */
  readonly durations: readonly HttpSeries[];
  /** What its threads are busy with, since this was last asked. */
  readonly load: readonly ThreadLoad[];
  /** The front threads; none: this thread is the only one. */
  readonly threads: readonly ThreadStatus[];
  /** A pool as the main thread sees it, with what other threads tell of it. */
  summed(pool: PoolSnapshot): PoolSnapshot;
  /** A pool was made anew after a fault: what leads to it follows. */
  poolMadeAnew(unit: Unit): Promise<void>;
  /** The gateway of a site in this thread; undefined: the site is not served. */
  gatewayOf(site: string): Gateway | undefined;
  /** Opens the addresses of a configuration that are new. @throws ADDRESS_IN_USE, CONFIG_INVALID; then nothing is left open */
  open(config: FrontsConfig): Promise<FrontsChange>;
  /** Puts other certificates in force, for the next connection. */
  useTls(tls: TlsMaterial): void;
  /** Stops listening at once; resolves when the requests are done, or ended after the deadline. Repeatable. */
  close(deadlineMs: number): Promise<void>;
  /** The pools have ended, too: nothing is left. Repeatable. */
  end(): Promise<void>;
  /** Ends everything at once. Repeatable. */
  destroy(): Promise<void>;
}

/** The fronts of this thread. */
export class SiteFronts implements Fronts {
  readonly #options: SiteFrontsOptions;
  readonly #gateways: Gateways;
  readonly #listeners: ListenerSet;
  readonly #places: BoundPlaces | null;
  readonly #loop = new EventLoopWatch();
  readonly #tls = new TlsInForce();

  constructor(options: SiteFrontsOptions) {
    this.#options = options;
    this.#places = options.binder === undefined ? null : new BoundPlaces(options.binder, 1);
    this.#gateways = new Gateways(options.faults, options.onAccess, options.counts, options.durations);
    this.#listeners = new ListenerSet({
      handlerFor: (listener) => this.#gateways.handlerFor(listener),
      onRefused: (site, refusal) => this.#gateways.refused(refusedRecord(site, refusal)),
      tls: this.#tls,
      log: options.log,
      part: options.part,
      counts: options.clients,
    });
    this.#gateways.onLimit = (limit) => this.#listeners.hit(limit);
  }

  /** See Fronts. */
  get listeners(): readonly ListenerPlace[] {
    return this.#listeners.listeners.map(({ sites, listener: { address } }) => ({ sites, address }));
  }

  /** Connections of clients that are open in this thread. */
  get connections(): number {
    return this.#listeners.listeners.reduce((sum, { listener }) => sum + listener.connections, 0);
  }

  /** See Fronts. */
  get durations(): readonly HttpSeries[] {
    return this.#gateways.durations.snapshot();
  }

  /** See Fronts. */
  get load(): readonly ThreadLoad[] {
    return [{ ...this.#loop.read(0), connections: this.connections }];
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
  get limited(): Readonly<Record<string, number>> {
    return this.#listeners.hits ?? {};
  }

  /** See Fronts. */
  get threads(): readonly ThreadStatus[] {
    return [];
  }

  /** See Fronts. */
  summed(pool: PoolSnapshot): PoolSnapshot {
    return pool;
  }

  /** See Fronts. Routes ask for a pool's backend with each request. */
  poolMadeAnew(): Promise<void> {
    return Promise.resolve();
  }

  /** See Fronts. */
  gatewayOf(site: string): Gateway | undefined {
    return this.#gateways.of(site);
  }

  /** See Fronts. @param given see `ListenerSet.change` */
  async open(config: FrontsConfig, given: readonly ListeningPlace[] = []): Promise<FrontsChange> {
    const placing = await this.#places?.open(config.values.site);
    const places = placing?.byThread[0] ?? given;
    const listening = await this.#listeners.change(config.values, places).catch((error: unknown) => {
      placing?.undo();
      throw error;
    });
    const { log, isDeveloped } = this.#options;
    // Who comes before all is in force waits for it; the handshake does not.
    if (this.#tls.material === noTls) this.useTls(config.tls);
    let gateways: ReadonlyMap<string, Gateway> = new Map();
    let over = Promise.resolve();
    return {
      words: listening.words,
      prepare: async (backends) => {
        const logs = { access: this.#gateways.onAccess, count: this.#gateways.count };
        const traces = await openTelemetryTraces((error) => log.error(...untracedWords(error)));
        const told = { ...logs, traces, limits: this.#options.limits };
        gateways = makeGateways(config, backends, log, told, isDeveloped, config.tls.sites);
      },
      commit: (deadlineMs) => {
        this.#gateways.use(gateways);
        this.useTls(config.tls);
        over = listening.settle(deadlineMs);
        placing?.settle();
        return Promise.resolve();
      },
      over: () => over,
      undo: () => {
        listening.undo();
        placing?.undo();
        this.#gateways.undo();
      },
    };
  }

  /** See Fronts. */
  useTls(tls: TlsMaterial): void {
    this.#tls.use(tls);
    if (tls.proofFolder !== (this.#gateways.proofs?.path ?? null))
      this.#gateways.proofs = tls.proofFolder === null ? null : new ProofFolder(tls.proofFolder);
  }

  /** See Fronts. */
  close(deadlineMs: number): Promise<void> {
    this.#loop.close();
    this.#places?.close();
    return this.#listeners.close(deadlineMs);
  }

  /** See Fronts. */
  end(): Promise<void> {
    return Promise.resolve();
  }

  /** See Fronts. */
  destroy(): Promise<void> {
    this.#loop.close();
    this.#places?.close();
    this.#listeners.destroy();
    return Promise.resolve();
  }
}

/** What the log says of a tracer that throws. */
function untracedWords(error: unknown): [LogFields, string] {
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  return [{ stack }, `a span was not recorded, what is registered with OpenTelemetry threw: ${message}`];
}
