// Settings of php.ini that a pool's PHP does not know: it takes them, and nothing comes of it.

import { type PlanContext, type PoolPlan, planPool } from '../backend/plan.ts';
import { type Config, ConfigError } from '../config/config.ts';
import { nearestName } from '../config/nearest.ts';
import type { Problem } from '../config/problem.ts';
import { iniNames } from '../php/ini-names.ts';
import { programPath } from '../worker/program.ts';
import { type Finding, note } from './finding.ts';

/** A setting that is not known, and what to do. */
interface Unknown extends Problem {
  readonly mend: string;
}

/** Those of a pool that can be started. */
export async function iniFindings(plan: PoolPlan, config: Config): Promise<Finding[]> {
  const unknown = await unknownSettings(plan, config);
  return unknown.map((one) => note(`pool ${plan.name}`, config.refusal(one).message, one.mend));
}

/** A refusal, with the settings that are not known beside what else is wrong: PHP is asked wherever its program can be run. */
export async function withUnknownSettings(
  refusal: unknown,
  config: Config,
  who: Pick<PlanContext, 'poolUser'>,
): Promise<unknown> {
  if (!(refusal instanceof ConfigError)) return refusal;
  const { values, folder } = config;
  const places = { path: process.env.PATH ?? '', home: process.env.HOME ?? null };
  // Nothing of the pool is started: whether it may run as root is told by the refusal.
  const context = {
    ...who,
    ...places,
    folder,
    refusal: config.refusal,
    asRoot: 'allow',
    embeddedWorkers: null,
  } as const;
  const unknown = await Promise.all(
    Object.entries(values.pool).map(async ([name, pool]) => {
      if (pool.kind !== 'php' || Object.keys(pool.ini).length === 0) return [];
      const plan = await planPool(name, pool, context).catch(() => null); // why not is told by the refusal
      return plan === null ? [] : unknownSettings(plan, config);
    }),
  );
  const words = unknown.flat().map(({ path, message, mend }) => ({ path, message: `${message}: ${mend}` }));
  return words.length === 0 ? refusal : config.refusal(...refusal.problems, ...words);
}

async function unknownSettings(plan: PoolPlan, { values }: Config): Promise<Unknown[]> {
  const pool = values.pool[plan.name]!;
  const given = pool.kind === 'php' ? Object.keys(pool.ini) : [];
  if (pool.kind !== 'php' || given.length === 0 || plan.kind !== 'workers' || plan.php?.kind !== 'cgi') return [];
  const { path, version } = plan.php;
  const names = await iniNames(path, pool.ini, { PATH: programPath, ...pool.env });
  if (names === null) return [];
  return given
    .filter((name) => !names.includes(name))
    .map((name) => {
      const near = nearestName(name, names);
      return {
        path: ['pool', plan.name, 'ini', name],
        message: `ini in [pool.${plan.name}]: PHP ${version.text} has no setting "${name}"`,
        mend: near === null ? 'correct it, or load the extension that has it' : `write "${near}", if that is meant`,
      };
    });
}
