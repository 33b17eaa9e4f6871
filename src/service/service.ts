// A service: what runs for one configuration and the socket that it is asked through, started, reloaded and ended together.

import type { AdminControls, Measures, ReloadStatus, ServiceStatus } from '../admin/source.ts';
import { Faults } from '../backend/faults.ts';
import type { PoolPlan } from '../backend/plan.ts';
import type { Config } from '../config/config.ts';
import type { Control } from '../control/control.ts';
import { PosternError, toPosternError } from '../errors.ts';
import type { HttpAnswer, HttpHandler, HttpRequest } from '../gateway/message.ts';
import { type Log, silentLog } from '../log.ts';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import { HeldRequest } from '../sites/held-request.ts';
import { Turns } from '../turns.ts';
import { version } from '../version.ts';
import type { ServiceOptions } from './deployment.ts';
import { Deployment } from './deployment.ts';
import { measuresOf } from './measures.ts';
import { operationsOn } from './operations.ts';
import { OwnAccessLogs } from './own-access-logs.ts';
import { serviceStatus } from './service-status.ts';

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
  readonly #faults: Faults;
  readonly #deployment: Deployment;
  /** null: whoever tells how the log is written writes them. */
  readonly #accessLogs: OwnAccessLogs | null;
  #state: ServiceStatus['state'] = 'starting';
  #control: Control | null = null;
  #lastReload: ReloadStatus | null = null;
  #opening: Promise<void> = Promise.resolve();
  #reloading: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;

  constructor(config: Config, options: ServiceOptions = {}) {
    this.#options = options;
    this.#log = options.log ?? silentLog;
    this.#faults = new Faults(this.#log);
    const operations = operationsOn({
      units: () => this.#deployment.units,
      summed: (pool) => this.#deployment.fronts.summed(pool),
      reload: (pools) => this.reload(pools),
    });
    this.#accessLogs = options.logStatus === undefined ? new OwnAccessLogs(this.#log, options) : null;
    this.#deployment = new Deployment(this.#accessLogs?.of(config) ?? config, {
      log: this.#log,
      faults: this.#faults,
      source: this,
      operations,
      service: { ...options, ...this.#accessLogs?.options },
    });
  }

  /** The configuration in force. */
  get config(): Config {
    return this.#deployment.config;
  }

  /** Requests that are on their way. */
  get running(): number {
    return this.#deployment.fronts.running;
  }

  /** The plans in force: which PHP each pool has, and what is to be known of it. */
  get plans(): readonly PoolPlan[] {
    return this.#deployment.units.map(({ plan }) => plan);
  }

  /**
   * Starts PHP, listens, then starts the other programs. A pool that does not start is logged, shown by `status()`, and goes on trying.
   * @throws ADDRESS_IN_USE, CONFIG_INVALID; then nothing is left running
   */
  async start(): Promise<void> {
    if (this.#state !== 'starting') return;
    try {
      this.#accessLogs?.open(this.config);
      await this.#open(() => this.#deployment.makePools());
      // PHP takes a while, and runs nothing of a site before there is a request, but for opcache.preload. Other programs do: they wait until the addresses are ours.
      const php = this.#startPools('php');
      await this.#open(() => this.#deployment.openFronts());
      await this.#open(() => this.#deployment.openAdmin());
      const others = this.#startPools('others');
      await this.#open(() => this.#openControl());
      await Promise.all([php, others]);
      if (this.#state === 'starting') void this.#deployment.clear();
    } catch (error) {
      await this.destroy();
      throw await withOwnerNamed(error);
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
  close(deadlineMs: number = this.#deployment.stopTimeoutMs): Promise<void> {
    this.#closing ??= this.#close(deadlineMs);
    return this.#closing;
  }

  /** Ends everything at once. Repeatable. */
  async destroy(): Promise<void> {
    this.#state = 'stopping';
    this.#options.privileged?.stopping();
    // Nobody else would end what is being opened now.
    await this.#opening.catch(() => {});
    await this.#deployment.destroy();
    await this.#end();
  }

  /**
   * What answers a site's requests, for `nodeHandler` or `fetchHandler` on a server of your own. It follows reloads; before
   * `start()` and after the site is gone it answers 503.
   * @param site name of the site. @default the first of the configuration
   * @throws CONFIG_INVALID when there is no such site
   */
  handler(site: string = Object.keys(this.config.values.site)[0]!): HttpHandler {
    const sites = Object.keys(this.config.values.site);
    if (!sites.includes(site)) {
      throw new PosternError('CONFIG_INVALID', `there is no site "${site}": there are ${sites.join(', ')}`);
    }
    return (request, answer) => {
      const gateway = this.#deployment.fronts.gatewayOf(site);
      if (gateway !== undefined) gateway.handle(request, answer);
      else void this.#handleLater(site, request, answer);
    };
  }

  /**
   * Takes an error that nothing foresaw, for a process that outlives such errors (`process.on('uncaughtException')`): it is logged
   * with its stack, counted and shown; the service goes on.
   */
  survive(error: unknown): void {
    this.#faults.report(error, 'a timer or callback');
  }

  /** Opens the access logs again by their names, after they were moved away; for a program that has signals of its own. */
  reopenLogs(): void {
    this.#accessLogs?.reopen();
  }

  /** What the admin pages and `postern status` show. */
  status(): ServiceStatus {
    const { fronts, units } = this.#deployment;
    return this.#statusWith(units.map((unit) => fronts.summed(unit.snapshot())));
  }

  /** See AdminSource. */
  async gatherStatus(pools: 'all' | 'none'): Promise<ServiceStatus> {
    const { fronts, units } = this.#deployment;
    const turns = new Turns();
    const snapshots: PoolSnapshot[] = [];
    for (const unit of pools === 'all' ? units : []) {
      snapshots.push(fronts.summed(unit.snapshot()));
      await turns.next();
    }
    return this.#statusWith(snapshots);
  }

  #statusWith(pools: readonly PoolSnapshot[]): ServiceStatus {
    const { config, adminUrl, fronts, certificates } = this.#deployment;
    const parts = {
      version,
      startedAt: this.#startedAt,
      launcher: this.#options.privileged?.launcher ?? null,
      state: this.#state,
      config,
      lastReload: this.#lastReload,
      faults: this.#faults.status,
      log: this.#options.logStatus?.() ?? this.#accessLogs?.status ?? null,
      admin: adminUrl,
      fronts,
      certificates,
    };
    return serviceStatus(parts, pools);
  }

  /** See AdminSource. */
  measures(): Measures {
    const { fronts, units } = this.#deployment;
    return measuresOf(fronts, units);
  }

  /** A part of the start: whoever closes the service waits for it, and for none that comes later. */
  async #open(part: () => Promise<void>): Promise<void> {
    if (this.#state !== 'starting') return;
    this.#opening = part();
    await this.#opening;
  }

  async #openControl(): Promise<void> {
    const { startControl } = await import('../control/control.ts');
    this.#control = await startControl(this.#deployment.directory, this, this.#controls());
  }

  #startPools(which: 'php' | 'others'): Promise<void> {
    const started = this.#state === 'starting' ? this.#startOf(which) : Promise.resolve();
    // Told to whoever waits for it; nobody does, where something else goes wrong first.
    started.catch(() => {});
    return started;
  }

  async #startOf(which: 'php' | 'others'): Promise<void> {
    const failed = await this.#deployment.startPools(which);
    if (this.#state !== 'starting') return;
    for (const [name, error] of failed)
      this.#log.error({ pool: name, code: toPosternError(error).code }, error.message);
  }

  async #reload(forced: readonly string[], given: Config | undefined): Promise<ReloadStatus> {
    if (this.#state !== 'running') return this.#reloaded(false, `not reloaded: the service is ${this.#state}`);
    try {
      const config = given ?? (await this.#configAgain());
      const words = await this.#deployment.change(this.#accessLogs?.of(config) ?? config, forced, () =>
        this.#checkRunning(),
      );
      this.#options.privileged?.settled(true);
      return this.#reloaded(
        true,
        words.length === 0 ? 'reloaded: nothing had changed' : `reloaded: ${words.join(', ')}`,
      );
    } catch (error) {
      this.#options.privileged?.settled(false);
      return this.#reloaded(
        false,
        `not reloaded, the service goes on as it was: ${(await withOwnerNamed(error)).message}`,
      );
    }
  }

  async #configAgain(): Promise<Config> {
    const { file } = this.config;
    if (file === null) return this.config;
    const { privileged } = this.#options;
    if (privileged !== undefined) return privileged.readConfig();
    const { readConfigApart } = await import('../config/config-apart.ts');
    return readConfigApart(file);
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
    this.#options.privileged?.stopping();
    const untilMs = performance.now() + deadlineMs;
    await this.#opening.catch(() => {});
    await this.#deployment.close(Math.max(0, untilMs - performance.now()));
    // The pools have refused it; it undoes what it had begun.
    await this.#reloading;
    await this.#end();
  }

  async #end(): Promise<void> {
    this.#control?.close();
    await this.#deployment.end();
    this.#accessLogs?.close();
    this.#state = 'stopped';
  }

  /** With front threads, this one has gateways once somebody asks it for an answer. */
  async #handleLater(site: string, request: HttpRequest, answer: HttpAnswer): Promise<void> {
    const held = new HeldRequest(answer);
    const { notServed, refuse } = await import('../sites/refused.ts');
    await this.#deployment.fronts.serveHere().catch((error: Error) => this.survive(error));
    if (held.hasGone) return;
    const gateway = this.#deployment.fronts.gatewayOf(site);
    if (gateway !== undefined) gateway.handle(request, answer);
    else refuse(request, answer, notServed(site));
  }

  #controls(): AdminControls {
    return {
      reload: (pools) => this.reload(pools),
      explain: async (url) =>
        (await import('../sites/explanation.ts')).explainRead(this.config, url, this.#deployment.fronts.listeners),
      stop: () => {
        if (this.#options.onStopAsked !== undefined) this.#options.onStopAsked();
        else void this.close();
      },
    };
  }
}

/** Who asks other services is loaded only for an address that is in use. */
async function withOwnerNamed(error: unknown): Promise<Error> {
  if (!(error instanceof PosternError) || error.code !== 'ADDRESS_IN_USE') return error as Error;
  const { withOwner } = await import('../control/instances.ts');
  return withOwner(error);
}
