// What a preset is, and what it makes of a site: rules, routes and a front controller as the project of that name recommends for nginx or Apache.
//
// 1. What the site says itself comes first: its rules, its fallback, its routes to an exact path or a prefix.
// 2. Then the preset's rules and routes: what must not be served or run, its scripts.
// 3. Then the site's routes by suffix ("*.php"): such a route must not run what an upload folder holds.
// 4. A site without a route to PHP gets one for "*.php", to the first pool of PHP; a file without such a pool gets one.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { alternatives, parsePattern } from '../protocol/http/path.ts';
import { cmsPresets } from './cms-presets.ts';
import { frameworkPresets } from './framework-presets.ts';
import type { PoolValues } from './pool-schema.ts';
import type { Preset } from './preset-data.ts';
import { type RuleValues, rule as ruleSchema } from './rule-schema.ts';
import type { RouteValues, SiteValues } from './site-schema.ts';
import { toolPresets } from './tool-presets.ts';

const presets: Readonly<Record<string, Preset>> = { ...cmsPresets, ...toolPresets, ...frameworkPresets };

/** The names that `preset` takes. */
export const presetNames: readonly string[] = Object.keys(presets);

/** What a preset's folder lacks, or null: it is the one that was meant. */
export function missingFile(name: string, folder: string): string | null {
  return presets[name]!.holds.find((file) => !existsSync(join(folder, file))) ?? null;
}

/** Where a preset's root is in its project's folder; null: at its top. */
export function folderOf(name: string): string | null {
  return presets[name]!.folder ?? null;
}

/** The first pool of PHP by name; null: there is none. */
export function phpPoolOf(pools: Readonly<Record<string, PoolValues>>): string | null {
  return Object.keys(pools).find((name) => pools[name]!.kind === 'php') ?? null;
}

/**
 * A site with what its preset adds.
 * @param pool the pool that runs its PHP
 */
export function withPreset(site: SiteValues, name: string, pool: string): SiteValues {
  const { fallback, deny, scripts = [], rules = [], env = {} } = presets[name]!;
  const called = `preset ${name}`;
  const added = rules.map((one): RuleValues => ({ ...ruleSchema.parse(one), name: called }));
  const run = (match: readonly string[]): RouteValues => ({
    ...{ kind: 'pool', match: [...match], pool, streamUploads: false, env: {} },
  });
  const routes: RouteValues[] = [
    ...site.route.filter((one) => !isBySuffix(one)),
    ...(scripts.length === 0 ? [] : [run(scripts)]),
    { kind: 'deny', match: [...deny], deny: true, preset: name },
    ...site.route.filter(isBySuffix),
  ];
  const runsPhp = site.route.some((one) => one.kind === 'pool' && isBySuffix(one));
  return {
    ...site,
    ...((site.fallback ?? fallback) !== undefined && { fallback: site.fallback ?? fallback }),
    env: { ...env, ...site.env },
    rule: [...site.rule, ...added],
    route: runsPhp ? routes : [...routes, run(['*.php'])],
  };
}

function isBySuffix({ match }: RouteValues): boolean {
  return match.flatMap(alternatives).some((one) => parsePattern(one)?.kind === 'suffix');
}
