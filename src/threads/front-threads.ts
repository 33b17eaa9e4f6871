// The fronts of a service in several threads: all of them go from one configuration to the next together, and one that is lost is replaced.

import type { MessagePort } from 'node:worker_threads';
import type { ThreadLoad, ThreadStatus } from '../admin/source.ts';
import type { Faults } from '../backend/faults.ts';
import type { PoolShare, Unit } from '../backend/unit.ts';
import { systemClock } from '../clock.ts';
import { clearClientCounts, limitHits } from '../front/client-counts.ts';
import type { Gateway } from '../gateway/handle.ts';
import { clearRunning, newRatesMemory } from '../gateway/shared-limits.ts';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import { BoundPlaces } from '../sites/bound-places.ts';
import { answersOf, type Fronts, type FrontsChange, type FrontsConfig, type ListenerPlace } from '../sites/fronts.ts';
import { type HttpSeries, readHttpDurations } from '../sites/http-durations.ts';
import type { SiteFronts, SiteFrontsOptions } from '../sites/site-fronts.ts';
import { EventLoopWatch } from '../sites/thread-load.ts';
import type { TlsMaterial } from '../tls/tls-material.ts';
import { errorOf, FrontThread } from './front-thread.ts';
import { PartedPools } from './parted-pools.ts';
import { PoolSums } from './pool-sums.ts';
import {
  allOrFirstError,
  type InForce,
  type Listened,
  listenedOn,
  listeningNowhere,
  sharedPorts,
  shareOfLimits,
} from './thread-config.ts';
import type { ThreadReport } from './thread-messages.ts';
import { newPlace, type Place, placeStatus, threadData } from './thread-place.ts';
import { ThreadWatch } from './thread-watch.ts';

/** What they are made with. */
export type FrontThreadsOptions = Omit<SiteFrontsOptions, 'part' | 'counts' | 'durations' | 'faults'> & {
  readonly count: number;
  /** Of this process in what it starts: see `worker/guard.ts`. */
  readonly mark: string;
  readonly faults: Faults;
  /** Takes what threads have made of the access log. @default `onAccess` does */
  readonly onAccessLines?: ((site: string | null, lines: string) => void) | undefined;
};

/** A thread that is lost is replaced after so long; twice as long for each loss of the last minute, up to the longest. */
const firstPauseMs = 50;
const longestPauseMs = 10_000;
const lossPeriodMs = 60_000;

export class FrontThreads implements Fronts {
  readonly #options: FrontThreadsOptions;
  /** For requests that are made in this thread: it listens nowhere. null: there are none. */
  #local: SiteFronts | null = null;
  readonly #loop = new EventLoopWatch();
  readonly #places: readonly Place[];
  readonly #sums = new PoolSums();
  readonly #parted = new PartedPools();
  readonly #rates = newRatesMemory();
  /** Where somebody else binds the sockets. */
  readonly #bound: BoundPlaces | null;
  #inForce: InForce | null = null;
  #listeners: readonly (Listened & ListenerPlace)[] = [];
  /** One change, or one replacement, at a time. */
  #turn: Promise<void> = Promise.resolve();
  #isClosing = false;
  readonly #watch: ThreadWatch;
  #isStarted = false;

  constructor(options: FrontThreadsOptions) {
    this.#options = options;
    this.#bound = options.binder === undefined ? null : new BoundPlaces(options.binder, options.count);
    const onStall = ({ index }: FrontThread): void => this.#parted.threadStalls(index);
    this.#watch = new ThreadWatch(() => this.#threads, onStall, options.log);
    this.#places = Array.from({ length: options.count }, (_, at) => newPlace(at + 1));
  }

  /** See Fronts. */
  get listeners(): readonly ListenerPlace[] {
    return this.#listeners;
  }

  /** See Fronts. */
  get running(): number {
    return this.#threads.reduce((sum, { running }) => sum + running, this.#local?.running ?? 0);
  }

  /** See Fronts. */
  get answers(): Readonly<Record<string, number>> {
    return answersOf(this.#places.map(({ memory }) => new Uint32Array(memory.answers)));
  }

  /** See Fronts. */
  get limited(): Readonly<Record<string, number>> {
    return limitHits(this.#places.map(({ clients }) => clients));
  }

  /** See Fronts. */
  get threads(): readonly ThreadStatus[] {
    return this.#places.map(placeStatus);
  }

  /** See Fronts. */
  get durations(): readonly HttpSeries[] {
    return readHttpDurations(this.#places.map(({ memory }) => memory.durations));
  }

  /** See Fronts. */
  get load(): readonly ThreadLoad[] {
    const own = { ...this.#loop.read(0), connections: 0 };
    return [own, ...this.#threads.map((thread) => thread.load)];
  }

  /** See Fronts. */
  gatewayOf(site: string): Gateway | undefined {
    return this.#local?.gatewayOf(site);
  }

  /** See Fronts. What answers requests is loaded with the first that is made here. */
  async serveHere(): Promise<void> {
    const over = await this.#takeTurn();
    try {
      if (this.#local !== null || this.#inForce === null || this.#isClosing) return;
      const { SiteFronts } = await import('../sites/site-fronts.ts');
      const local = new SiteFronts({ ...this.#options, binder: undefined });
      const change = await local.open(listeningNowhere(this.#inForce.config));
      await change.prepare(this.#inForce.units);
      await change.commit(0);
      this.#local = local;
    } finally {
      over();
    }
  }

  /** See Fronts. */
  summed(pool: PoolSnapshot): PoolSnapshot {
    return this.#sums.of(pool);
  }

  /** See Fronts. */
  async open(config: FrontsConfig): Promise<FrontsChange> {
    const over = await this.#takeTurn();
    try {
      const { site } = config.values;
      const placing = await (this.#bound?.open(site) ?? sharedPorts(site, this.#listeners, this.#places.length));
      const sent = shareOfLimits(config, this.#places.length);
      const local = await this.#local?.open(listeningNowhere(config));
      await this.#start();
      const threads = this.#threads;
      const undo = (): void => {
        local?.undo();
        placing.undo();
        for (const forget of arriving) forget();
        for (const thread of threads) void thread.ask({ type: 'undo' }).catch(() => {});
        over();
      };
      const arriving: (() => void)[] = [];
      let words: readonly string[];
      try {
        const opened = await allOrFirstError(
          threads.map((thread) =>
            thread.ask({ type: 'open', config: sent, places: placing.byThread[thread.index - 1]! }),
          ),
        );
        words = opened[0] ?? [];
      } catch (error) {
        undo();
        throw error;
      }
      let units: ReadonlyMap<string, Unit> = new Map();
      let left: Promise<void> = Promise.resolve();
      return {
        words,
        undo,
        prepare: async (backends) => {
          units = backends as ReadonlyMap<string, Unit>;
          await local?.prepare(backends);
          await allOrFirstError(threads.map((thread) => this.#prepare(thread, units, arriving)));
        },
        commit: async (deadlineMs) => {
          void local?.commit(deadlineMs);
          this.#inForce = { config, sent, ports: placing.ports, units };
          this.#listeners = listenedOn(site, placing.ports);
          placing.settle();
          const commits = threads.map((thread) => this.#commit(thread, deadlineMs));
          left = this.#parted.replace(units.values(), commits);
          await Promise.all(commits.map(({ inForce }) => inForce));
          over();
        },
        over: () => left,
      };
    } catch (error) {
      over();
      throw error;
    }
  }

  /** See Fronts. */
  useTls(tls: TlsMaterial): void {
    this.#local?.useTls(tls);
    if (this.#inForce === null) return;
    this.#inForce = { ...this.#inForce, sent: { ...this.#inForce.sent, tls } };
    for (const thread of this.#threads) void thread.ask({ type: 'tls', tls }).catch(() => {});
  }

  /** A pool was made anew after a fault: the threads' parts of it are, too. */
  async poolMadeAnew(unit: Unit): Promise<void> {
    const over = await this.#takeTurn();
    for (const place of this.#places) {
      const { thread } = place;
      if (!thread?.isServing) continue;
      const { share, ports } = this.#share(place, unit);
      await thread.ask({ type: 'pool', pool: share }, ports).catch(() => {});
    }
    over();
  }

  /** See Fronts. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosing = true;
    this.#bound?.close();
    this.#loop.close();
    this.#watch.stop();
    await Promise.allSettled(this.#threads.map((thread) => thread.ask({ type: 'close', deadlineMs })));
  }

  /** See Fronts. */
  async end(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(this.#places.map(({ thread }) => thread?.leave()));
  }

  /** See Fronts. */
  async destroy(): Promise<void> {
    this.#isClosing = true;
    this.#bound?.close();
    this.#loop.close();
    this.#watch.stop();
    await Promise.all(this.#places.map(({ thread }) => thread?.end()));
  }

  get #threads(): FrontThread[] {
    return this.#places.flatMap(({ thread }) => (thread?.isServing ? thread : []));
  }

  /** Starts those that there are none of yet. */
  async #start(): Promise<void> {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#watch.start();
    await allOrFirstError(this.#places.map((place) => this.#fill(place).ready));
  }

  #fill(place: Place): FrontThread {
    const { isDeveloped = false, onAccess, onAccessLines } = this.#options;
    const clients = this.#places.map((one) => one.clients);
    const limits = { rates: this.#rates, running: this.#places.map((one) => one.limited) };
    const data = threadData(place, {
      count: this.#places.length,
      mark: this.#options.mark,
      isDeveloped,
      access: onAccess === undefined ? 'none' : onAccessLines === undefined ? 'records' : 'lines',
      clients,
      limits,
    });
    place.shared = new Map();
    place.thread = new FrontThread(data, {
      told: (report) => this.#told(place.index, report),
      lost: (thread, why) => this.#lost(place, thread, why),
    });
    return place.thread;
  }

  async #prepare(thread: FrontThread, units: ReadonlyMap<string, Unit>, arriving: (() => void)[]): Promise<void> {
    const place = this.#places[thread.index - 1]!;
    const shares: PoolShare[] = [];
    const transferred: MessagePort[] = [];
    for (const unit of units.values()) {
      const known = place.shared.get(unit.name);
      const isSame = known?.backend === unit.backend;
      if (isSame && (unit.plan.kind === 'workers' || known?.fingerprint === unit.plan.fingerprint)) continue;
      arriving.push(() => {
        if (known === undefined) place.shared.delete(unit.name);
        else place.shared.set(unit.name, known);
      });
      const { share, ports } = this.#share(place, unit, isSame);
      shares.push(share);
      transferred.push(...ports);
    }
    await thread.ask({ type: 'prepare', pools: shares }, transferred);
  }

  /** @param isKnown the thread has its part of it, and is given other settings */
  #share(place: Place, unit: Unit, isKnown = false): { share: PoolShare; ports: readonly MessagePort[] } {
    place.shared.set(unit.name, { backend: unit.backend, fingerprint: unit.plan.fingerprint });
    return unit.share(place.index, isKnown);
  }

  #commit(thread: FrontThread, deadlineMs: number): { inForce: Promise<void>; done: Promise<unknown> } {
    const inForce = Promise.withResolvers<void>();
    const pools = [...this.#inForce!.units.keys()];
    const done = thread.ask({ type: 'commit', pools, deadlineMs }, [], inForce.resolve);
    // One that ends meanwhile is replaced by one that begins with it.
    done.catch(() => {}).finally(inForce.resolve);
    return { inForce: inForce.promise, done };
  }

  #told(index: number, report: ThreadReport): void {
    const { log, faults, onAccess, onAccessLines } = this.#options;
    if (report.type === 'lines') for (const [site, lines] of report.lines) onAccessLines?.(site, lines);
    else if (report.type === 'access') for (const record of report.records) onAccess?.(record, index);
    else if (report.type === 'log') log[report.level](report.fields, report.message);
    else if (report.type === 'question') this.#answer(index, report.question, report.pool);
    else if (report.type === 'told') this.#sums.take(index, report.pools);
    else if (report.type === 'fault') faults.report(errorOf(report.error), report.where, report.fields);
  }

  #answer(index: number, question: number, name: string): void {
    const unit = this.#inForce?.units.get(name);
    if (unit === undefined) return;
    const pool = this.summed(unit.snapshot());
    this.#places[index - 1]!.thread?.ask({ type: 'answer', question, pool }).catch(() => {});
  }

  #lost(place: Place, thread: FrontThread, why: string): void {
    const { log } = this.#options;
    place.thread = null;
    this.#sums.forget(place.index);
    clearClientCounts(place.clients);
    clearRunning(place.limited);
    this.#parted.threadDied(place.index);
    if (this.#isClosing) return;
    const now = systemClock.now();
    place.losses = [...place.losses.filter((at) => now - at < lossPeriodMs), now];
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** (place.losses.length - 1));
    log.error(
      { thread: thread.index },
      `front thread ${thread.index} was lost with the connections that it had: ${why}; another takes its place in ${pauseMs} ms`,
    );
    systemClock.after(pauseMs, () => void this.#replace(place));
  }

  async #replace(place: Place): Promise<void> {
    const over = await this.#takeTurn();
    if (this.#isClosing || place.thread !== null || this.#inForce === null) return over();
    const { sent, ports, units } = this.#inForce;
    const thread = this.#fill(place);
    try {
      await thread.ready;
      await thread.ask({ type: 'open', config: sent, places: (await this.#bound?.again()) ?? ports });
      await this.#prepare(thread, units, []);
      await this.#commit(thread, 0).inForce;
      // What came meanwhile was given to those that served already, or was put back by the commit.
      const { tls } = this.#inForce.sent;
      if (tls !== null && tls !== sent.tls) await thread.ask({ type: 'tls', tls });
    } catch (error) {
      if (thread.isServing) thread.kill(`it could not begin: ${(error as Error).message}`);
    } finally {
      over();
    }
  }

  /** Waits until nobody else changes anything. @returns what ends the turn; repeatable */
  async #takeTurn(): Promise<() => void> {
    const before = this.#turn;
    const mine = Promise.withResolvers<void>();
    this.#turn = mine.promise;
    await before;
    return mine.resolve;
  }
}
