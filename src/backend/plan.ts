// What a pool of the configuration is made from: the program found, its limits, and a fingerprint that tells whether a reload changes it.

import { existsSync, statSync } from 'node:fs';
import { delimiter, extname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Config, ConfigError, type ExaminedConfig } from '../config/config.ts';
import { addressProblems } from '../config/own-addresses.ts';
import type { PoolValues } from '../config/pool-schema.ts';
import type { Problem } from '../config/problem.ts';
import { type Address, parseAddress } from '../connection/address.ts';
import { PosternError } from '../errors.ts';
import { type FindPhp, findPhp, type Php } from '../php/find-php.ts';
import { SharedProbe } from '../php/php-probe.ts';
import { phpProgram } from '../php/php-program.ts';
import type { PoolLimits } from '../pool/pool-state.ts';
import { allInTurns, askedOnce } from '../turns.ts';
import { type Program, programPath } from '../worker/program.ts';
import { type Account, Users } from '../worker/user.ts';
import type { LaunchedPlan, LaunchedPools } from './privileged.ts';

/** As TypeScript from a checkout, as JavaScript when built. */
const appRunner = fileURLToPath(new URL(`../app/run-file${extname(import.meta.url)}`, import.meta.url));

/** A program that is ready to be run, and what to do when its last process is gone. */
export interface PreparedProgram {
  readonly program: Program;
  /** Repeatable. */
  release(): void;
}

/** The limits that pools of every kind have. */
export type RequestLimits = Pick<
  PoolLimits,
  'workers' | 'queue' | 'queueTimeoutMs' | 'requestTimeoutMs' | 'stopTimeoutMs'
> & {
  /** The longest silence of a program: before its answer, and between two pieces of it. 0: no limit. */
  readonly readTimeoutMs: number;
  /** A request that has run so long is noted, once. 0: none is. */
  readonly slowAfterMs: number;
};

interface AnyPlan {
  readonly name: string;
  readonly limits: RequestLimits;
  /** Equal for two plans when a reload from one to the other has nothing to do. */
  readonly fingerprint: string;
  /** What an operator should know, as sentences. */
  readonly warnings: readonly string[];
}

/** A pool of processes that are kept. */
export interface WorkersPlan extends AnyPlan {
  readonly kind: 'workers';
  readonly limits: RequestLimits & PoolLimits;
  /** null for a program that is not PHP. */
  readonly php: Php | null;
  /** Equal for two plans, of one pool or of two, whose programs are started alike: where one can be started, the other can. */
  readonly programKey: string;
  /** Makes the program; may write a file, which `release()` removes. */
  prepare(): PreparedProgram;
}

/** A pool of FastCGI servers elsewhere. */
export interface ConnectPlan extends AnyPlan {
  readonly kind: 'connect';
  readonly servers: readonly ServerPlan[];
  /** A kept connection that was idle so long is closed. 0: never. */
  readonly idleTimeoutMs: number;
  readonly reuse: Program['reuse'];
}

/** One FastCGI server elsewhere. */
export interface ServerPlan {
  readonly address: Address;
  /** Its share of the requests. */
  readonly weight: number;
  /** Whether it is asked only while no other server can be. */
  readonly backup: boolean;
}

/** Plain CGI programs: the matched file is run. */
export interface CgiPlan extends AnyPlan {
  readonly kind: 'cgi';
  readonly env: Readonly<Record<string, string>>;
  readonly user: string | null;
  /** See `Program.launchKey`. */
  readonly launchKey: string | undefined;
}

/** A pool to be made. */
export type PoolPlan = WorkersPlan | ConnectPlan | CgiPlan;

/** What a plan depends on besides the configuration. */
export interface PlanContext {
  /** Folder that relative paths start from. */
  readonly folder: string;
  /** Makes an error that names file and line. */
  readonly refusal: Config['refusal'];
  /** PATH, for finding programs. */
  readonly path: string;
  /** The user's home; null: version managers there are not looked into. */
  readonly home: string | null;
  /** What to do with a pool that would run as root without leave. */
  readonly asRoot: 'refuse' | 'warn' | 'allow';
  /** Who runs a pool without a user where that is not this process: the user who serves. @default this process */
  readonly poolUser?: string | null;
  /** Pools whose programs another process starts. @default none */
  readonly launched?: LaunchedPools;
  /** @default findPhp, which begins to look when it is asked */
  readonly findPhp?: FindPhp;
  /** The users of this system. @default each pool looks for its own */
  readonly users?: Users;
  /** The probe script of the pools that run PHP. @default each has its own */
  readonly probe?: SharedProbe;
  /** Workers of embedded PHP at most: each is a process of some 100 MB. null: as configured. */
  readonly embeddedWorkers: number | null;
}

/**
 * Plans the pools of a configuration; what several of them ask of this system is looked for once.
 * @throws CONFIG_INVALID when the PHP of one cannot be used, or it would run as root without leave
 */
export async function planPools(
  pools: Readonly<Record<string, PoolValues>>,
  context: PlanContext,
): Promise<PoolPlan[]> {
  const shared = {
    ...context,
    findPhp: askedOnce(context.findPhp ?? findPhp),
    probe: new SharedProbe(),
    users: new Users(),
  };
  const all = await allInTurns(Object.entries(pools), ([name, pool]) => planPool(name, pool, shared));
  const failures = all.flatMap((one) => (one.status === 'rejected' ? one.reason : []));
  const bug = failures.find((error) => !(error instanceof ConfigError));
  if (bug !== undefined) throw bug;
  const problems = failures.flatMap((error: ConfigError) => error.problems);
  if (problems.length > 0) throw context.refusal(...problems);
  return all.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
}

/**
 * Plans one pool.
 * @throws CONFIG_INVALID when its PHP cannot be used, or it would run as root without leave
 */
export async function planPool(name: string, pool: PoolValues, context: PlanContext): Promise<PoolPlan> {
  // Its pages are the sites', which are made anew at each reload.
  const { statusPath: _1, pingPath: _2, statusClients: _3, ...running } = pool;
  const fingerprint = JSON.stringify(running);
  if (pool.kind === 'connect') {
    const servers = pool.connect.map((server) => ({ ...server, address: parseAddress(server.address) }));
    const { kind, reuse, idleTimeout: idleTimeoutMs } = pool;
    return { kind, name, limits: requestLimits(pool), servers, reuse, idleTimeoutMs, fingerprint, warnings: [] };
  }
  const launched = context.launched?.get(name) ?? null;
  const isRoot = runsAsRoot(pool, context);
  const asRoot = isRoot && context.asRoot === 'refuse' ? [rootProblem(name)] : [];
  const warnings =
    launched !== null
      ? launched.warnings
      : isRoot
        ? [`pool ${name} runs as root: good for trying, not for a machine that others reach`]
        : [];
  if (pool.kind !== 'php' && asRoot.length > 0) throw context.refusal(...asRoot);
  const { user, env } = whoRuns(pool, context);
  if (pool.kind === 'cgi') {
    const withPath = { PATH: programPath, ...env };
    const limits = requestLimits(pool);
    return { kind: 'cgi', name, limits, env: withPath, user, fingerprint, warnings, launchKey: launched?.key };
  }
  const cwd = resolve(context.folder, pool.cwd ?? '.');
  const path = env.PATH ?? programPath;
  const limits = workerLimits(pool);
  const workers = { kind: 'workers', name, limits } as const;
  if (pool.kind === 'php') {
    const wanted = pool.php;
    const find = context.findPhp ?? findPhp;
    const php =
      launched?.php ??
      (await find({ wanted, path: context.path, home: context.home, folder: context.folder }).catch((error: Error) => {
        throw context.refusal(...asRoot, { path: ['pool', name, 'php'], message: error.message });
      }));
    if (asRoot.length > 0) throw context.refusal(...asRoot);
    const most = php.kind === 'embedded' ? (context.embeddedWorkers ?? pool.workers) : pool.workers;
    const laneCount = Math.min(pool.workers, most);
    const { probe = new SharedProbe() } = context;
    const options = { name, php, workers: laneCount, cwd, env, path, ini: pool.ini, user, probe };
    const installed = [cwd, path, php.path, php.version.text, changeTime(php.path)];
    return {
      ...workers,
      limits: { ...limits, workers: laneCount },
      php,
      fingerprint: JSON.stringify([fingerprint, ...installed, ...(launched === null ? [] : [launched.key])]),
      programKey: JSON.stringify([...installed, pool.ini, env, pool.user]),
      warnings: [...warnings, ...php.warnings],
      prepare() {
        if (launched !== null) return launchedProgram(launched);
        const made = phpProgram(options);
        return { program: { ...made.program, title: made.label }, release: () => made.close() };
      },
    };
  }
  const isApp = pool.kind === 'app';
  const command = isApp
    ? appCommand(pool.app, context)
    : commandOf(pool.command, context.folder, env.PATH ?? context.path);
  const threads = isApp && pool.threads !== undefined ? { POSTERN_THREADS: String(pool.threads) } : {};
  const program: Program = {
    name,
    command,
    cwd,
    env: { ...env, PATH: path, ...threads },
    user,
    lanesPerWorker: pool.lanes,
    preforks: false,
    probe: null,
    answersValues: isApp,
    ...(isApp ? { deathSignal: 'KILL' } : {}),
    reuse: pool.reuse,
    title: isApp ? `application ${pool.app}` : command.join(' '),
  };
  const installed = [command, path, changeTime(isApp ? command.at(-1)! : command[0]!)];
  return {
    ...workers,
    php: null,
    fingerprint: JSON.stringify([fingerprint, ...installed, ...(launched === null ? [] : [launched.key])]),
    programKey: JSON.stringify([cwd, ...installed, env, threads, pool.user]),
    warnings,
    prepare: () => (launched === null ? { program, release: () => {} } : launchedProgram(launched)),
  };
}

/** The program as the one who starts it has made it. */
function launchedProgram({ key, program }: LaunchedPlan): PreparedProgram {
  if (program === null) throw new PosternError('INTERNAL', 'a CGI pool has no program');
  return { program: { ...program, launchKey: key }, release: () => {} };
}

type StartedPool = Exclude<PoolValues, { kind: 'connect' }>;

/** Whether a pool may run as root: its user is not named, and root was allowed. */
function mayBeRoot(pool: StartedPool, { asRoot }: Pick<PlanContext, 'asRoot'>): boolean {
  return pool.user === undefined && (pool.allowRoot || asRoot === 'allow');
}

/**
 * Who runs the programs of a pool where the service is not root, by name; null: root.
 * @param server who serves
 */
export function runnerOf(pool: StartedPool, asRoot: PlanContext['asRoot'], server: Account): string | null {
  return mayBeRoot(pool, { asRoot }) ? null : (pool.user ?? server.name);
}

/** The user that a starter has to turn into; null: it is that already. Who is named has his home and name in the environment. */
function whoRuns(pool: StartedPool, context: PlanContext): Pick<CgiPlan, 'user' | 'env'> {
  const { env } = pool;
  if (pool.user === undefined) return { user: mayBeRoot(pool, context) ? null : (context.poolUser ?? null), env };
  const own = process.getuid?.();
  const account = own === 0 ? null : (context.users ?? new Users()).accountOf(pool.user);
  // Without rights nobody else can be turned into, but this user is one already.
  if (account === null || account.id !== String(own)) return { user: pool.user, env };
  return { user: null, env: { HOME: account.home, USER: account.name, ...env } };
}

/** Whether a pool would run as root, and nobody gave leave. */
function runsAsRoot(pool: StartedPool, context: PlanContext): boolean {
  const { asRoot, poolUser = null } = context;
  const isRoot = process.getuid?.() === 0 && (pool.user === undefined ? poolUser === null : pool.user === 'root');
  return isRoot && !pool.allowRoot && asRoot !== 'allow';
}

function rootProblem(name: string): Problem {
  const message = `pool ${name} would run as root: set user = "www-data" in [pool.${name}], or allowRoot = true, or start with --allow-root`;
  return { path: ['pool', name, 'user'], message };
}

function requestLimits(pool: PoolValues): RequestLimits {
  return {
    workers: pool.workers,
    queue: pool.queue,
    queueTimeoutMs: pool.queueTimeout,
    readTimeoutMs: pool.readTimeout,
    requestTimeoutMs: pool.requestTimeout,
    slowAfterMs: pool.slowAfter,
    stopTimeoutMs: pool.stopTimeout,
  };
}

function workerLimits(pool: Extract<PoolValues, { minWorkers: number }>): WorkersPlan['limits'] {
  return {
    ...requestLimits(pool),
    minWorkers: pool.minWorkers,
    idleTimeoutMs: pool.idleTimeout,
    maxRequests: pool.maxRequests,
    maxAgeMs: pool.maxAge,
    maxMemoryBytes: pool.maxMemory,
    spawnScore: pool.spawnScore,
    terminationScore: pool.terminationScore,
    timeScore: pool.timeScore,
    spawnScoreUpLimit: pool.spawnScoreUpLimit === 0 ? Number.POSITIVE_INFINITY : pool.spawnScoreUpLimit,
  };
}

/** A program by its name on PATH, or by its path from the folder of the configuration. */
function commandOf(command: readonly string[], folder: string, path: string): string[] {
  const [program, ...args] = command as [string, ...string[]];
  if (program.includes('/')) return [resolve(folder, program), ...args];
  const found = path.split(delimiter).find((one) => isAbsolute(one) && existsSync(join(one, program)));
  // Not found: the path it would have, so that the pool's own message says that it is missing.
  return [found === undefined ? resolve(folder, program) : join(found, program), ...args];
}

/** An application may call run() itself, or only export what is to be run. */
function appCommand(app: string, { folder }: PlanContext): string[] {
  return [process.execPath, appRunner, resolve(folder, app)];
}

/** When a file was last changed; 0: it is not there. */
function changeTime(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** What depends on who asks, and how. */
export type PreparationOptions = Pick<PlanContext, 'asRoot' | 'findPhp' | 'embeddedWorkers' | 'poolUser' | 'launched'>;

/**
 * Plans the pools, and looks at the addresses.
 * @param config one that has problems already is looked at as far as it goes, so that none of them hides another
 * @throws ConfigError with every problem
 */
export async function preparePools(config: Config | ExaminedConfig, options: PreparationOptions): Promise<PoolPlan[]> {
  const { values, folder, refusal } = config;
  const path = process.env.PATH ?? '';
  const context = { ...options, folder, refusal, path, home: process.env.HOME ?? null };
  // Side by side: a slow name server keeps the look for a PHP waiting no longer than it takes.
  const [planned, addresses] = await Promise.all([
    planPools(values.pool, context).catch((error: Error) => error),
    // Whoever binds the sockets for us may do so where this process may not.
    options.launched === undefined ? addressProblems(values) : [],
  ]);
  if (planned instanceof Error && !(planned instanceof ConfigError)) throw planned;
  // Of a file that was read without fault there are none.
  const known = 'problems' in config ? config.problems : [];
  const problems = [...known, ...(planned instanceof ConfigError ? planned.problems : []), ...addresses];
  if (planned instanceof Error || problems.length > 0) throw refusal(...problems);
  return planned;
}
