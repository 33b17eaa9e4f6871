// What a service runs for its configuration: pools, gateways, listeners, admin pages; and how all of it goes from one configuration to the next.

import { resolve } from 'node:path';
import type { AdminOperations, AdminSource, CertificateStatus, LogStatus } from '../admin/source.ts';
import type { Faults } from '../backend/faults.ts';
import type { PlanContext, PoolPlan } from '../backend/plan.ts';
import { preparePools } from '../backend/plan.ts';
import { PoolSet } from '../backend/pool-set.ts';
import type { Privileged } from '../backend/privileged.ts';
import type { Unit } from '../backend/unit.ts';
import type { Certificates, SiteSources } from '../certificates/certificates.ts';
import { readTokenFile } from '../config/admin-token.ts';
import type { Config } from '../config/config.ts';
import { formatListenAddress, parseListenAddress } from '../config/listen-address.ts';
import { nearestName } from '../config/nearest.ts';
import { type Threads, threadCount } from '../config/thread-count.ts';
import type { AdminListener } from '../control/admin-listener.ts';
import { runtimeBases } from '../control/runtime-base.ts';
import { PosternError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { FindPhp } from '../php/find-php.ts';
import { type Fronts, type FrontsConfig, type FrontsShown, noFronts } from '../sites/fronts.ts';
import type { AccessLog } from '../sites/gateways.ts';
import { ShellGuard } from '../worker/guard.ts';
import { openRuntimeDirectory, type RuntimeDirectory } from '../worker/runtime-directory.ts';
import { openSpawner, type Spawner } from '../worker/spawner.ts';
import { type Starter, starterByKey } from '../worker/starter.ts';
import { changedSections } from './changed-sections.ts';

/** Options of `createService`; none is needed. */
export interface ServiceOptions {
  /** @default silentLog */
  readonly log?: Log | undefined;
  /** What to do with a pool that would run as root without leave. @default "refuse" */
  readonly asRoot?: PlanContext['asRoot'] | undefined;
  /** How PHP is looked for: one that was looked for ahead, for instance. @default when a start or a reload needs it */
  readonly findPhp?: FindPhp | undefined;
  /** Front threads, whatever the configuration says. @default as configured, or else 1 */
  readonly threads?: Threads | undefined;
  /** Workers of embedded PHP at most. @default as configured */
  readonly embeddedWorkers?: number | undefined;
  /** Whether whoever looks at its sites develops them: see `Site.isDeveloped`. @default false */
  readonly isDeveloped?: boolean | undefined;
  /** Whether this process does nothing but serve, so that whatever it has started ends with it when it is killed. @default false */
  readonly ownsProcess?: boolean | undefined;
  /** Folder that holds the private folders of services. @default see `runtimeBases` */
  readonly runtimeBase?: string | undefined;
  /** Does what takes rights. @default this process */
  readonly privileged?: Privileged | undefined;
  /** Told of each answer. @default nobody is */
  readonly onAccess?: AccessLog | undefined;
  /** Given lines of the access log that front threads have made, of a site; null: of those without a file. @default `onAccess` is told of each answer */
  readonly onAccessLines?: ((site: string | null, lines: string) => void) | undefined;
  /** Told of the configuration that a reload puts in force, before it is. @throws to have nothing changed */
  readonly onChange?: ((config: Config) => void) | undefined;
  /** How the log is written, for the status. @default it does not say */
  readonly logStatus?: (() => LogStatus) | undefined;
  /** Called when the control socket was asked to stop. @default the service closes itself */
  readonly onStopAsked?: (() => void) | undefined;
}

/** What it is made with. */
export interface DeploymentOptions {
  readonly log: Log;
  readonly faults: Faults;
  /** What the admin pages show. */
  readonly source: AdminSource;
  /** What may be asked for on the dashboard. */
  readonly operations: AdminOperations;
  readonly service: ServiceOptions;
}

/** How long requests may go on where there is no pool that says so. */
const defaultCloseMs = 10_000;

/** What is left for the answers to requests that were ended at the deadline, before their connections are closed. */
const lastAnswersMs = 1_000;

export class Deployment {
  readonly #options: DeploymentOptions;
  readonly #log: Log;
  /** null: no site has ever spoken TLS. */
  #certificates: Certificates | null = null;
  /** null: they are not opened yet. */
  #fronts: Fronts | null = null;
  #config: Config;
  /** Of all that is started, by front threads, too. */
  readonly #guard: ShellGuard;
  readonly #frontThreads: number;
  #directory: RuntimeDirectory | null = null;
  #spawner: Spawner | null = null;
  #pools: PoolSet | null = null;
  #admin: AdminListener | null = null;
  /** Of [admin], or of its tokenFile; null: nobody may do anything on the dashboard. */
  #token: string | null = null;

  constructor(config: Config, options: DeploymentOptions) {
    this.#config = config;
    this.#options = options;
    this.#log = options.log;
    this.#guard = options.service.privileged?.guard ?? new ShellGuard();
    const threads = threadCount(options.service.threads ?? config.values.service.threads ?? 1);
    this.#frontThreads = threads === 1 ? 0 : threads;
  }

  /** The configuration in force. */
  get config(): Config {
    return this.#config;
  }

  get units(): readonly Unit[] {
    return [...(this.#pools?.units.values() ?? [])];
  }

  /** What the status shows of them. */
  get certificates(): readonly CertificateStatus[] {
    return this.#certificates?.status() ?? [];
  }

  /** What faces clients. */
  get fronts(): FrontsShown {
    return this.#fronts ?? noFronts;
  }

  /** Where the admin pages are; null: nowhere. */
  get adminUrl(): string | null {
    return this.#admin?.url ?? null;
  }

  /** Path of the private folder; to be asked for once it is open. */
  get directory(): string {
    return this.#directory!.path;
  }

  /** How long requests may go on at its end: as the pool says that gives them most. */
  get stopTimeoutMs(): number {
    const timeouts = this.units.map(({ plan }) => plan.limits.stopTimeoutMs);
    return timeouts.length === 0 ? defaultCloseMs : Math.max(...timeouts);
  }

  /** Makes the pools; no program is started. @throws CONFIG_INVALID */
  async makePools(): Promise<void> {
    const { ownsProcess = false, privileged } = this.#options.service;
    const marked = ownsProcess ? this.#guard.ownProcess() : undefined;
    const [plans] = await Promise.all([this.#plan(this.#config), marked]);
    const base = this.#options.service.runtimeBase ?? runtimeBases()[0]!;
    this.#directory = openRuntimeDirectory(base, this.#log, this.#guard.mark);
    this.#guard.watch(this.#frontThreads > 0);
    this.#spawner = openSpawner(this.#guard, privileged?.setpriv);
    const context = {
      directory: this.#directory.path,
      log: this.#log,
      starter: this.#starter(this.#spawner),
      relay: privileged?.relay,
      frontThreads: this.#frontThreads,
    };
    const onMadeAnew = (unit: Unit): void => void this.#fronts?.poolMadeAnew(unit);
    this.#pools = new PoolSet({ ...context, faults: this.#options.faults, onMadeAnew });
    await this.#pools.fill(plans);
  }

  /** Makes all that faces clients, and listens. @throws ADDRESS_IN_USE, CONFIG_INVALID */
  async openFronts(): Promise<void> {
    const fronts = await this.#makeFronts();
    this.#fronts = fronts;
    const sources = await this.#prepareCertificates(this.#config);
    const change = await fronts.open(this.#frontsConfig(this.#config, sources));
    try {
      await change.prepare(this.#pools!.units);
      await change.commit(0);
    } catch (error) {
      change.undo();
      throw error;
    }
    this.#useCertificates(sources);
  }

  /** Ends what managers that died have left. */
  clear(): Promise<void> {
    return this.#directory!.clear();
  }

  /** Starts the programs of pools of PHP, or of all others. @returns what did not start, by pool; it is tried again */
  startPools(which: 'php' | 'others'): Promise<ReadonlyMap<string, Error>> {
    return this.#pools!.start((plan) => (which === 'php') === (plan.kind === 'workers' && plan.php !== null));
  }

  /** @throws ADDRESS_IN_USE, CONFIG_INVALID */
  async openAdmin(): Promise<void> {
    this.#token = readToken(this.#config);
    this.#admin = await this.#openAdmin(this.#config);
  }

  /**
   * Opens and starts what is new, then swaps, then ends what is old; a failure before the swap undoes all of it.
   * @param forced pools whose workers are replaced though nothing changed; "*" is all
   * @param checkWanted throws where the change is not wanted any more
   * @returns what was done, in words; empty: nothing
   */
  async change(config: Config, forced: readonly string[], checkWanted: () => void): Promise<readonly string[]> {
    checkPoolNames(forced, Object.keys(config.values.pool));
    const token = readToken(config);
    const plans = await this.#plan(config);
    const sources = await this.#prepareCertificates(config);
    const fronting = await this.#fronts!.open(this.#frontsConfig(config, sources));
    let admin = this.#admin;
    try {
      if (config.values.admin?.listen !== this.#config.values.admin?.listen) admin = await this.#openAdmin(config);
      checkWanted();
      const pooling = await this.#pools!.change(plans, forced);
      try {
        checkWanted();
        await fronting.prepare(this.#pools!.units);
        checkWanted();
        this.#options.service.onChange?.(config);
      } catch (error) {
        await pooling.undo();
        throw error;
      }
      const sections = changedSections(this.#config.values, config.values);
      this.#config = config;
      this.#token = token;
      await fronting.commit(this.stopTimeoutMs);
      this.#useCertificates(sources);
      if (admin !== this.#admin) this.#admin?.close();
      this.#admin = admin;
      const settled = Promise.all([fronting.over(), pooling.settle()]);
      settled.catch((error: Error) =>
        this.#log.error({}, `what the reload replaced did not end well: ${error.message}`),
      );
      return [...pooling.words, ...fronting.words, ...sections];
    } catch (error) {
      fronting.undo();
      if (admin !== this.#admin) admin?.close();
      throw error;
    }
  }

  /** Stops listening, finishes the requests, ends every process; the admin pages and the folder stay until `end()`. */
  async close(deadlineMs: number): Promise<void> {
    const untilMs = performance.now() + deadlineMs;
    // The programs end before the connections do: whoever still waits then is told so, and not hung up on.
    const fronting = this.#fronts?.close(deadlineMs + lastAnswersMs) ?? Promise.resolve();
    await settledWithin(fronting, deadlineMs);
    await Promise.all([fronting, this.#pools?.close(Math.max(0, untilMs - performance.now()))]);
    await this.#fronts?.end();
  }

  /** The same at once. */
  async destroy(): Promise<void> {
    await Promise.all([this.#fronts?.destroy(), this.#pools?.destroy()]);
  }

  /** Nothing runs any more: what is left is closed. Repeatable. */
  async end(): Promise<void> {
    await this.#certificates?.close();
    this.#admin?.close();
    await this.#directory?.clear();
    this.#directory?.close();
    this.#spawner?.close();
    await this.#guard.close();
  }

  /** What answers requests is loaded where that is done: with front threads, not in this one. */
  async #makeFronts(): Promise<Fronts> {
    const { faults, service } = this.#options;
    const { onAccess, onAccessLines, isDeveloped, privileged } = service;
    const options = { log: this.#log, faults, onAccess, isDeveloped, binder: privileged?.binder };
    if (this.#frontThreads === 0) {
      const { SiteFronts } = await import('../sites/site-fronts.ts');
      return new SiteFronts(options);
    }
    const { FrontThreads } = await import('../threads/front-threads.ts');
    return new FrontThreads({ ...options, onAccessLines, count: this.#frontThreads, mark: this.#guard.mark });
  }

  /** They are loaded with the first configuration in which a site speaks TLS. @throws CONFIG_INVALID */
  async #prepareCertificates(config: Config): Promise<SiteSources | null> {
    if (this.#certificates === null) {
      if (Object.values(config.values.site).every(({ tls }) => tls === undefined)) return null;
      const { Certificates } = await import('../certificates/certificates.ts');
      const { privileged } = this.#options.service;
      this.#certificates = new Certificates(this.#log, (tls) => this.#fronts?.useTls(tls), privileged?.readFile);
    }
    return this.#certificates.prepare(config);
  }

  #useCertificates(sources: SiteSources | null): void {
    if (sources !== null) this.#certificates?.use(sources);
  }

  #frontsConfig({ file, folder, values }: Config, sources: SiteSources | null): FrontsConfig {
    const tls = sources === null ? null : this.#certificates!.materialOf(sources);
    return { file, folder, values, tls };
  }

  #starter(spawner: Spawner): Starter {
    const { privileged } = this.#options.service;
    return privileged === undefined ? spawner : starterByKey(spawner, privileged.starter);
  }

  #plan(config: Config): Promise<PoolPlan[]> {
    const { asRoot, embeddedWorkers, findPhp, privileged } = this.#options.service;
    return preparePools(config, {
      ...(privileged === undefined ? {} : { launched: privileged.launchedPools(config) }),
      asRoot: asRoot ?? 'refuse',
      embeddedWorkers: embeddedWorkers ?? null,
      ...(findPhp === undefined ? {} : { findPhp }),
    });
  }

  async #openAdmin({ values: { admin } }: Config): Promise<AdminListener | null> {
    if (admin === undefined) return null;
    const hosts = (): readonly string[] => this.#config.values.admin?.hosts ?? [];
    const { source, operations } = this.#options;
    const dashboard = { token: () => this.#token, operations, log: this.#log };
    const { openAdmin } = await import('../control/admin-listener.ts');
    const { address } = parseListenAddress(admin.listen);
    const binder = this.#options.service.privileged?.binder;
    if (binder === undefined) return openAdmin(address, source, { hosts, dashboard });
    const listen = formatListenAddress({ protocol: 'http', address });
    const [bound] = await binder.bind(listen, 1);
    const opened = await openAdmin(bound!, source, { hosts, dashboard });
    const close = (): void => {
      opened.close();
      binder.release(listen, bound!.address);
    };
    return { ...opened, close };
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

/** @throws CONFIG_INVALID when tokenFile cannot be read, or holds no token */
function readToken({ values: { admin }, folder }: Config): string | null {
  if (admin?.tokenFile === undefined) return admin?.token ?? null;
  return readTokenFile(resolve(folder, admin.tokenFile));
}
