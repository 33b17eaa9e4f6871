// What a configuration comes to before anything of it is started: the plans of its pools, or all that is wrong with it, told at once.

import { type Config, ConfigError, type ExaminedConfig } from '../config/config.ts';
import { addressProblems } from '../config/own-addresses.ts';
import { type PlanContext, type PoolPlan, planPools } from './plan.ts';

/** What depends on who asks, and how. */
export type PreparationOptions = Pick<PlanContext, 'asRoot' | 'findPhp' | 'embeddedWorkers'>;

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
    addressProblems(values),
  ]);
  if (planned instanceof Error && !(planned instanceof ConfigError)) throw planned;
  // Of a file that was read without fault there are none.
  const known = 'problems' in config ? config.problems : [];
  const problems = [...known, ...(planned instanceof ConfigError ? planned.problems : []), ...addresses];
  if (planned instanceof Error || problems.length > 0) throw refusal(...problems);
  return planned;
}
