// Settings of php.ini that a pool's PHP does not know: it takes them, and nothing comes of it.

import { type PlanContext, type PoolPlan, planPool } from '../backend/plan.ts';
import { type Config, ConfigError } from '../config/config.ts';
import { nearestName } from '../config/nearest.ts';
import type { Problem } from '../config/problem.ts';
import { findPhp } from '../php/find-php.ts';
import type { IniValue } from '../php/ini-arguments.ts';
import { iniNames, loadingOf } from '../php/ini-names.ts';
import { askedOnce, someAtATime } from '../turns.ts';
import { programPath } from '../worker/program.ts';
import { type Finding, note } from './finding.ts';

/** A setting that is not known, and what to do. */
interface Unknown extends Problem {
  readonly mend: string;
}

/** So many pools are looked at side by side: a PHP for each of a thousand at once is more than a system starts. */
const atATime = 4;

/** What the settings that a PHP knows are asked by. */
interface Asked {
  readonly program: string;
  readonly ini: Readonly<Record<string, IniValue>>;
  readonly env: NodeJS.ProcessEnv;
}

/** See `iniNames`. */
export type SettingNames = (asked: Asked) => Promise<readonly string[] | null>;

/** The settings that programs know, each asked once: pools mostly have the same. */
export function settingNames(): SettingNames {
  return askedOnce<Asked, readonly string[] | null>(
    ({ program, ini, env }) => iniNames(program, ini, env),
    ({ program, ini, env }) => [program, loadingOf(ini), env],
  );
}

/** Those of a pool that can be started. */
export async function iniFindings(plan: PoolPlan, config: Config, names: SettingNames): Promise<Finding[]> {
  const unknown = await unknownSettings(plan, config, names);
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
    findPhp: askedOnce(findPhp),
  } as const;
  const names = settingNames();
  const unknown: Unknown[] = [];
  await someAtATime(Object.entries(values.pool), atATime, async ([name, pool]) => {
    if (pool.kind !== 'php' || Object.keys(pool.ini).length === 0) return;
    const plan = await planPool(name, pool, context).catch(() => null); // why not is told by the refusal
    if (plan !== null) unknown.push(...(await unknownSettings(plan, config, names)));
  });
  const words = unknown.map(({ path, message, mend }) => ({ path, message: `${message}: ${mend}` }));
  return words.length === 0 ? refusal : config.refusal(...refusal.problems, ...words);
}

async function unknownSettings(plan: PoolPlan, { values }: Config, asked: SettingNames): Promise<Unknown[]> {
  const pool = values.pool[plan.name]!;
  const given = pool.kind === 'php' ? Object.keys(pool.ini) : [];
  if (pool.kind !== 'php' || given.length === 0 || plan.kind !== 'workers' || plan.php?.kind !== 'cgi') return [];
  const { path, version } = plan.php;
  const names = await asked({ program: path, ini: pool.ini, env: { PATH: programPath, ...pool.env } });
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
