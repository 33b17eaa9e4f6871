// A service: the pools, sites, listeners, admin pages and control socket of one configuration, started, reloaded and ended together.

import type { AdminControls, ReloadStatus, ServiceStatus } from '../admin/source.ts';
import { PosternError, toPosternError } from '../errors.ts';
import type { Gateway } from '../gateway/handle.ts';
import type { HttpHandler } from '../gateway/message.ts';
import { type Log, silentLog } from '../log.ts';
import type { FindPhp } from '../php/find-ahead.ts';
import { version } from '../version.ts';
import { openRuntimeDirectory, type RuntimeDirectory } from '../worker/runtime-directory.ts';
import { withOwner } from './address-owner.ts';
import type { AdminListener } from './admin-listener.ts';
import { AnswerCounts } from './answer-counts.ts';
import type { Config } from './config.ts';
import type { Control } from './control.ts';
import { type AccessLog, makeGateways } from './gateways.ts';
import { parseListenAddress } from './listen-address.ts';
import { ListenerSet } from './listener-set.ts';
import { nearestName } from './nearest.ts';
import { type PlanContext, type PoolPlan, planPool } from './plan.ts';
import { PoolSet } from './pool-set.ts';
import { runtimeBases } from './runtime-base.ts';
import { serviceStatus } from './service-status.ts';
import { siteHandler } from './site-handler.ts';

/** What a service is started with besides its configuration. */
export interface ServiceOptions {
  /** @default silentLog */
  readonly log?: Log;
  /** What to do with a pool that would run as root without leave. @default "refuse" */
  readonly asRoot?: PlanContext['asRoot'];
  /** How PHP is looked for: one that was looked for ahead, for instance. @default when a start or a reload needs it */
  readonly findPhp?: FindPhp;
  /** Workers of embedded PHP at most. @default as configured */
  readonly embeddedWorkers?: number;
  /** Folder that holds the private folders of services. @default see `runtimeBases` */
  readonly runtimeBase?: string;
  /** Told of each answer. @default nobody is */
  readonly onAccess?: AccessLog;
  /** Called when the control socket was asked to stop. @default the service closes itself */
  readonly onStopAsked?: () => void;
}

/** How long requests may go on where there is no pool that says so. */
const defaultCloseMs = 10_000;

/** What is left for the answers to requests that were ended at the deadline, before their connections are closed. */
const lastAnswersMs = 1_000;

/**
 * Makes a service; nothing happens before `start()`.
 * @param config from `readConfig`, `parseConfig` or `defineConfig`
 */
export function createService(config: Config, options: ServiceOptions = {}): Service {
  return new Service(config, options);
}

/** A service. Nothing happens before `start()`. */
export class Service {
  readonly #options: ServiceOptions;
  readonly #log: Log;
  readonly #startedAt = Date.now();
  readonly #answers = new AnswerCounts();
  readonly #listeners: ListenerSet;
  #config: Config;
  #state: ServiceStatus['state'] = 'starting';
  #pools: PoolSet | null = null;
  #gateways: ReadonlyMap<string, Gateway> = new Map();
  /** Gateways that a reload replaced, while requests are still on their way through them. */
  #oldGateways: Gateway[] = [];
  #directory: RuntimeDirectory | null = null;
  #control: Control | null = null;
  #admin: AdminListener | null = null;
  #lastReload: ReloadStatus | null = null;
  #opening: Promise<void> = Promise.resolve();
  #reloading: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;

  constructor(config: Config, options: ServiceOptions = {}) {
    this.#config = config;
    this.#options = options;
    this.#log = options.log ?? silentLog;
    this.#listeners = new ListenerSet((site) => this.#gateways.get(site)!.handle, this.#log);
  }

  /** The configuration in force. */
  get config(): Config {
    return this.#config;
  }

  /** Requests that are on their way. */
  get running(): number {
    return [...this.#gateways.values(), ...this.#oldGateways].reduce((sum, { active }) => sum + active, 0);
  }

  /** The plans in force: which PHP each pool has, and what is to be known of it. */
  get plans(): readonly PoolPlan[] {
    return [...(this.#pools?.units.values() ?? [])].map(({ plan }) => plan);
  }

  /**
   * Listens and starts the pools. A pool that does not start is logged, shown by `status()`, and goes on trying.
   * @throws ADDRESS_IN_USE, CONFIG_INVALID; then nothing is left running
   */
  async start(): Promise<void> {
    try {
      this.#opening = this.#open();
      await this.#opening;
      // Whoever closed it meanwhile has waited for what was being opened.
      if (this.#state === 'starting') {
        // The programs take a while to answer: the rest is loaded and opened meanwhile.
        const started = this.#startPools(this.#pools!);
        this.#opening = this.#openForOperators();
        await Promise.all([started, this.#opening]);
      }
    } catch (error) {
      await this.destroy();
      throw await withOwner(error);
    }
    if (this.#state === 'starting') this.#state = 'running';
  }

  /**
   * Reads the configuration again (or takes the one given), and moves to it without losing a request. One after another.
   * @param forced pools whose workers are replaced though nothing changed; "*" is all
   * @returns what was changed, or why nothing was; never rejects
   */
  reload(forced: readonly string[] = [], config?: Config): Promise<ReloadStatus> {
    const run = this.#reloading.then(() => this.#reload(forced, config));
    this.#reloading = run;
    return run;
  }

  /**
   * Stops listening, finishes the requests, ends every process. Repeatable.
   * @param deadlineMs after so long the rest is ended. @default the longest stopTimeout of the pools
   */
  close(deadlineMs: number = this.#closeMs()): Promise<void> {
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  /** Ends everything at once. Repeatable. */
  async destroy(): Promise<void> {
    this.#state = 'stopping';
    this.#listeners.destroy();
    await this.#pools?.destroy();
    this.#end();
  }

  /**
   * What answers a site's requests, for `nodeHandler` or `fetchHandler` on a server of your own. It follows reloads; before
   * `start()` and after the site is gone it answers 503.
   * @param site name of the site. @default the first of the configuration
   * @throws CONFIG_INVALID when there is no such site
   */
  handler(site: string = Object.keys(this.#config.values.site)[0]!): HttpHandler {
    const sites = Object.keys(this.#config.values.site);
    if (!sites.includes(site)) {
      throw new PosternError('CONFIG_INVALID', `there is no site "${site}": there are ${sites.join(', ')}`);
    }
    return siteHandler(site, (name) => this.#gateways.get(name));
  }

  /** What the admin pages and `postern status` show. */
  status(): ServiceStatus {
    return serviceStatus({
      version,
      startedAt: this.#startedAt,
      state: this.#state,
      config: this.#config,
      lastReload: this.#lastReload,
      admin: this.#admin?.url ?? null,
      listeners: this.#listeners.listeners,
      answers: this.#answers.byStatus(),
      units: [...(this.#pools?.units.values() ?? [])],
    });
  }

  async #open(): Promise<void> {
    const plans = await this.#plan(this.#config);
    this.#directory = await openRuntimeDirectory(this.#options.runtimeBase ?? runtimeBases()[0]!, this.#log);
    this.#pools = new PoolSet({ directory: this.#directory.path, log: this.#log }, plans);
    this.#gateways = this.#makeGateways(this.#config);
    const change = await this.#listeners.change(this.#config.values.site);
    await change.settle(0);
  }

  async #openForOperators(): Promise<void> {
    this.#admin = await this.#openAdmin(this.#config);
    const { startControl } = await import('./control.ts');
    this.#control = await startControl(this.#directory!.path, this, this.#controls());
  }

  async #startPools(pools: PoolSet): Promise<void> {
    const failed = await pools.start();
    if (this.#state !== 'starting') return;
    for (const [name, error] of failed)
      this.#log.error({ pool: name, code: toPosternError(error).code }, error.message);
  }

  async #reload(forced: readonly string[], given: Config | undefined): Promise<ReloadStatus> {
    if (this.#state !== 'running') return this.#reloaded(false, `not reloaded: the service is ${this.#state}`);
    try {
      const config = given ?? (await this.#configAgain());
      const words = await this.#moveTo(config, forced);
      return this.#reloaded(
        true,
        words.length === 0 ? 'reloaded: nothing had changed' : `reloaded: ${words.join(', ')}`,
      );
    } catch (error) {
      return this.#reloaded(false, `not reloaded, the service goes on as it was: ${(await withOwner(error)).message}`);
    }
  }

  async #configAgain(): Promise<Config> {
    const { file } = this.#config;
    if (file === null) return this.#config;
    const { readConfig } = await import('./config-file.ts');
    return readConfig(file);
  }

  /** Opens and starts what is new, then swaps, then ends what is old; a failure before the swap undoes all of it. */
  async #moveTo(config: Config, forced: readonly string[]): Promise<string[]> {
    checkPoolNames(forced, Object.keys(config.values.pool));
    const pools = this.#pools!;
    const plans = await this.#plan(config);
    const listening = await this.#listeners.change(config.values.site);
    let admin = this.#admin;
    try {
      if (config.values.admin?.listen !== this.#config.values.admin?.listen) admin = await this.#openAdmin(config);
      this.#checkRunning();
      const pooling = await pools.change(plans, forced);
      let gateways: ReadonlyMap<string, Gateway>;
      try {
        this.#checkRunning();
        gateways = this.#makeGateways(config);
      } catch (error) {
        await pooling.undo();
        throw error;
      }
      const areSitesNew = JSON.stringify(config.values.site) !== JSON.stringify(this.#config.values.site);
      this.#config = config;
      this.#oldGateways = [...this.#oldGateways, ...this.#gateways.values()].filter(({ active }) => active > 0);
      this.#gateways = gateways;
      if (admin !== this.#admin) this.#admin?.close();
      this.#admin = admin;
      const settled = Promise.all([listening.settle(this.#closeMs()), pooling.settle()]);
      settled.catch((error: Error) =>
        this.#log.error({}, `what the reload replaced did not end well: ${error.message}`),
      );
      return [...pooling.words, ...listening.words, ...(areSitesNew ? ['sites replaced'] : [])];
    } catch (error) {
      listening.undo();
      if (admin !== this.#admin) admin?.close();
      throw error;
    }
  }

  /** A reload that finds the service stopping goes no further. */
  #checkRunning(): void {
    if (this.#state !== 'running') throw new PosternError('POOL_CLOSING', `the service is ${this.#state}`);
  }

  #reloaded(ok: boolean, message: string): ReloadStatus {
    this.#lastReload = { at: Date.now(), ok, message };
    if (ok) this.#log.info({}, message);
    else this.#log.error({}, message);
    return this.#lastReload;
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#state = 'stopping';
    const untilMs = performance.now() + deadlineMs;
    await this.#opening.catch(() => {});
    // The programs end before the connections do: whoever still waits then is told so, and not hung up on.
    const listening = this.#listeners.close(deadlineMs + lastAnswersMs);
    await settledWithin(listening, deadlineMs);
    await Promise.all([listening, this.#pools?.close(Math.max(0, untilMs - performance.now()))]);
    // The pools have refused it; it undoes what it had begun.
    await this.#reloading;
    this.#end();
  }

  #end(): void {
    this.#admin?.close();
    this.#control?.close();
    this.#directory?.close();
    this.#state = 'stopped';
  }

  #closeMs(): number {
    const timeouts = this.plans.map(({ limits }) => limits.stopTimeoutMs);
    return timeouts.length === 0 ? defaultCloseMs : Math.max(...timeouts);
  }

  #plan({ values, folder, refusal }: Config): Promise<PoolPlan[]> {
    const context: PlanContext = {
      folder,
      refusal,
      path: process.env.PATH ?? '',
      home: process.env.HOME ?? null,
      asRoot: this.#options.asRoot ?? 'refuse',
      embeddedWorkers: this.#options.embeddedWorkers ?? null,
      ...(this.#options.findPhp === undefined ? {} : { findPhp: this.#options.findPhp }),
    };
    return Promise.all(Object.entries(values.pool).map(([name, pool]) => planPool(name, pool, context)));
  }

  #makeGateways(config: Config): ReadonlyMap<string, Gateway> {
    return makeGateways(config, this.#pools!.units, this.#log, (record) => {
      this.#answers.count(record.status);
      this.#options.onAccess?.(record);
    });
  }

  async #openAdmin({ values: { admin } }: Config): Promise<AdminListener | null> {
    if (admin === undefined) return null;
    const hosts = (): readonly string[] => this.#config.values.admin?.hosts ?? [];
    const { openAdmin } = await import('./admin-listener.ts');
    return openAdmin(parseListenAddress(admin.listen).address, this, hosts);
  }

  #controls(): AdminControls {
    return {
      reload: (pools) => this.reload(pools),
      stop: () => {
        if (this.#options.onStopAsked !== undefined) this.#options.onStopAsked();
        else void this.close();
      },
    };
  }
}

/** Resolves when it is over, or after so long. */
async function settledWithin(over: Promise<void>, limitMs: number): Promise<void> {
  const limit = Promise.withResolvers<void>();
  const timer = setTimeout(limit.resolve, limitMs);
  await Promise.race([over, limit.promise]);
  clearTimeout(timer);
}

/** @throws CONFIG_INVALID for a pool that was asked for and is not there */
function checkPoolNames(asked: readonly string[], pools: readonly string[]): void {
  const missing = asked.find((name) => name !== '*' && !pools.includes(name));
  if (missing === undefined) return;
  const near = nearestName(missing, pools);
  const hint = near === null ? `there are ${pools.join(', ')}` : `did you mean "${near}"?`;
  throw new PosternError('CONFIG_INVALID', `there is no pool "${missing}": ${hint}`);
}
