// What faces clients in one thread: the gateways of the sites and the addresses that lead to them, and how both go from one
// configuration to the next.

import type { ThreadLoad, ThreadStatus } from '../admin/source.ts';
import type { Faults } from '../backend/faults.ts';
import type { Binder } from '../connection/listen.ts';
import type { ClientCounts } from '../front/client-counts.ts';
import type { Gateway } from '../gateway/handle.ts';
import { openTelemetryTraces } from '../gateway/open-telemetry.ts';
import type { SharedLimits } from '../gateway/shared-limits.ts';
import type { Log, LogFields } from '../log.ts';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import type { ListenerContexts, TlsInForce } from '../tls/listener-contexts.ts';
import type { TlsMaterial } from '../tls/tls-material.ts';
import { BoundPlaces } from './bound-places.ts';
import { makeGateways } from './configured-gateways.ts';
import type { Fronts, FrontsChange, FrontsConfig, ListenerPlace } from './fronts.ts';
import { type AccessLog, Gateways } from './gateways.ts';
import type { HttpSeries } from './http-durations.ts';
import { ListenerSet, type ListeningPart, type ListeningPlace } from './listeners.ts';
import type { ProofAnswers } from './proof-answer.ts';
import { refusedRecord } from './refused.ts';
import { EventLoopWatch } from './thread-load.ts';

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

/** The fronts of this thread. */
export class SiteFronts implements Fronts {
  readonly #options: SiteFrontsOptions;
  readonly #gateways: Gateways;
  readonly #listeners: ListenerSet;
  readonly #places: BoundPlaces | null;
  readonly #loop = new EventLoopWatch();
  /** What is answered by TLS with; null: nothing is yet. */
  #material: TlsMaterial | null = null;
  /** The same, as connections are answered with it; null: no address speaks TLS. */
  #tls: TlsInForce | null = null;

  constructor(options: SiteFrontsOptions) {
    this.#options = options;
    this.#places = options.binder === undefined ? null : new BoundPlaces(options.binder, 1);
    this.#gateways = new Gateways(options.faults, options.onAccess, options.counts, options.durations);
    this.#listeners = new ListenerSet({
      handlerFor: (listener) => this.#gateways.handlerFor(listener),
      onRefused: (site, refusal) => this.#gateways.refused(refusedRecord(site, refusal)),
      contexts: () => this.#contexts(),
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

  /** See Fronts. */
  serveHere(): Promise<void> {
    return Promise.resolve();
  }

  /** See Fronts. @param given see `ListenerSet.change` */
  async open(config: FrontsConfig, given: readonly ListeningPlace[] = []): Promise<FrontsChange> {
    const proofs = await proofsOf(config.tls);
    const placing = await this.#places?.open(config.values.site);
    const places = placing?.byThread[0] ?? given;
    // Who comes before all is in force waits for it; the handshake does not.
    if (this.#material === null && config.tls !== null) this.useTls(config.tls);
    const listening = await this.#listeners.change(config.values, places).catch((error: unknown) => {
      placing?.undo();
      throw error;
    });
    const { log, isDeveloped } = this.#options;
    let gateways: ReadonlyMap<string, Gateway> = new Map();
    let over = Promise.resolve();
    return {
      words: listening.words,
      prepare: async (backends) => {
        const logs = { access: this.#gateways.onAccess, count: this.#gateways.count };
        const traces = await openTelemetryTraces((error) => log.error(...untracedWords(error)));
        const told = { ...logs, traces, limits: this.#options.limits };
        gateways = makeGateways(config, backends, log, told, isDeveloped, config.tls?.sites);
      },
      commit: (deadlineMs) => {
        this.#gateways.use(gateways);
        this.#gateways.proofs = proofs;
        if (config.tls !== null) this.useTls(config.tls);
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
    this.#material = tls;
    this.#tls?.use(tls);
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

  /** The contexts of one more listener; loaded with the first address that speaks TLS. */
  async #contexts(): Promise<ListenerContexts> {
    const { ListenerContexts, TlsInForce } = await import('../tls/listener-contexts.ts');
    this.#tls ??= new TlsInForce();
    if (this.#material !== null) this.#tls.use(this.#material);
    return new ListenerContexts(this.#tls);
  }
}

/** Who answers authorities; loaded where one is asked for certificates. */
async function proofsOf(tls: TlsMaterial | null): Promise<ProofAnswers | null> {
  if (tls === null || tls.proofFolder === null) return null;
  const { ProofAnswers } = await import('./proof-answer.ts');
  const { ProofFolder } = await import('../tls/proof-folder.ts');
  return new ProofAnswers(new ProofFolder(tls.proofFolder));
}

/** What the log says of a tracer that throws. */
function untracedWords(error: unknown): [LogFields, string] {
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  return [{ stack }, `a span was not recorded, what is registered with OpenTelemetry threw: ${message}`];
}
