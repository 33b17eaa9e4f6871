// What the launcher acts on, made from a configuration that was read: addresses, the programs of other users, key files.

import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { type PlanContext, type PoolPlan, planPools, runnerOf } from '../backend/plan.ts';
import type { LaunchedPlan } from '../backend/privileged.ts';
import { type ReadConfig, sound } from '../config/config.ts';
import type { ConfigValues } from '../config/config-schema.ts';
import type { PoolValues } from '../config/pool-schema.ts';
import { neededStore } from '../config/state-folder.ts';
import { type Threads, threadCount } from '../config/thread-count.ts';
import { type Becoming, withoutRights } from '../launcher/becoming.ts';
import type { CgiRules, ScriptPlace } from '../launcher/cgi-rules.ts';
import type { LaunchConfig } from '../launcher/launch-options.ts';
import type { LaunchPlan } from '../launcher/launched-programs.ts';
import { findPhp } from '../php/find-php.ts';
import { programPath } from '../worker/program.ts';
import { Users } from '../worker/user.ts';
import { toInherit } from './begin-launch.ts';
import { makeStoreFor } from './store-folder.ts';

/** Who serves, and what may be root. */
export interface LaunchChoices {
  readonly becoming: Becoming;
  readonly asRoot: PlanContext['asRoot'];
  readonly embeddedWorkers: number | null;
  /** Front threads, in place of what the configuration says. */
  readonly threads: Threads | undefined;
}

/**
 * Makes it.
 * @throws CONFIG_INVALID when a pool of another user cannot be started as it is configured
 */
export async function launchConfig(read: ReadConfig, choices: LaunchChoices): Promise<LaunchConfig> {
  const config = sound(read);
  const { values, folder } = config;
  const pools = await launchPlans(config.values, { folder, refusal: config.refusal }, choices);
  const store = neededStore(values, folder);
  if (store !== null) makeStoreFor(choices.becoming.account, store);
  const { addresses, threads } = toInherit(read, choices.threads);
  return { addresses, copies: threadCount(threads), pools, files: filesOf(values, folder), config: read };
}

/** Certificates, keys and lists of TLS, which may be readable for root alone. */
function filesOf({ site, acme }: ConfigValues, folder: string): string[] {
  return Object.values(site)
    .flatMap(({ tls, clientCertificates: clients }) => [
      ...(tls === 'auto' ? [acme.ca ?? []].flat() : Object.values(tls ?? {}).flat()),
      ...(clients === undefined
        ? []
        : [clients.authority, ...(clients.revoked === undefined ? [] : [clients.revoked])]),
    ])
    .map((path) => resolve(folder, path));
}

/** Programs that run as somebody else than the one who serves; he starts his own himself. */
async function launchPlans(
  values: ConfigValues,
  { folder, refusal }: Pick<PlanContext, 'folder' | 'refusal'>,
  { becoming, asRoot, embeddedWorkers }: LaunchChoices,
): Promise<LaunchPlan[]> {
  const { account } = becoming;
  const users = new Users();
  const others = Object.entries(values.pool).filter(([, pool]) => {
    if (pool.kind === 'connect') return false;
    const runner = runnerOf(pool, asRoot, account);
    return runner === null || users.accountOf(runner)?.id !== account.id;
  });
  // A program that says its version is asked as the one who serves: the folder that it is found in may be anybody's.
  const wrapper = withoutRights(becoming, 'TERM');
  const plans = await planPools(Object.fromEntries(others), {
    ...{ folder, refusal, asRoot, embeddedWorkers },
    path: process.env.PATH ?? '',
    home: process.env.HOME ?? null,
    findPhp: (options) => findPhp({ ...options, wrapper }),
  });
  return plans.flatMap((plan) => launchPlanOf(plan, values, folder));
}

function launchPlanOf(plan: PoolPlan, values: ConfigValues, folder: string): LaunchPlan[] {
  if (plan.kind === 'connect') return [];
  const { name, limits, warnings } = plan;
  const pool = values.pool[name] as Exclude<PoolValues, { kind: 'connect' }>;
  const key = createHash('sha256').update(plan.fingerprint).digest('hex').slice(0, 32);
  // Old and new workers live side by side for a while, at a reload and when one is replaced.
  const most = 3 * limits.workers + 8;
  if (plan.kind === 'cgi') {
    const rules: CgiRules = {
      places: placesOf(name, values, folder),
      env: { ...accountEnv(plan.user), ...pool.env, PATH: pool.env.PATH ?? programPath },
      added: addedOf(values),
    };
    const told: LaunchedPlan = { key, program: null, php: null, warnings };
    const cgi = { ...rules, user: plan.user };
    return [{ name, key, most, program: null, cgi, plan: told, release: () => {} }];
  }
  const { program, release } = plan.prepare();
  const told: LaunchedPlan = { key, program, php: plan.php, warnings };
  return [{ name, key, most, program, cgi: null, plan: told, release }];
}

function accountEnv(user: string | null): Record<string, string> {
  const account = user === null ? null : new Users().accountOf(user);
  return account === null ? {} : { HOME: account.home, USER: account.name };
}

/** Where the scripts of a CGI pool are: the folders of the routes that lead to it. */
function placesOf(pool: string, values: ConfigValues, folder: string): ScriptPlace[] {
  return Object.values(values.site).flatMap((site) =>
    site.route.flatMap((route): ScriptPlace[] => {
      if (route.kind !== 'pool' || route.pool !== pool) return [];
      const linkFolders = site.linkFolders.map((path) => resolve(folder, path));
      return route.match.map((match) => ({
        root: resolve(folder, route.root ?? site.root),
        prefix: route.root === undefined ? '' : match.slice(0, match.lastIndexOf('/')),
        match,
        linkFolders,
      }));
    }),
  );
}

/** Variables that sites and routes add, with every value that they have anywhere. */
function addedOf(values: ConfigValues): Record<string, string[]> {
  const added: Record<string, string[]> = {};
  for (const site of Object.values(values.site)) {
    const all = [site.env, ...site.route.map((route) => (route.kind === 'pool' ? route.env : {}))];
    for (const env of all)
      for (const [name, value] of Object.entries(env)) added[name] = [...(added[name] ?? []), value];
  }
  return added;
}
