// Makes a configuration of an object as the file would be: checked against the schema and the rules that span keys. A service that is given one that was checked
// does without the schema, which takes long to load.

import { resolve } from 'node:path';
import { type Config, type ConfigOrigin, type ReadConfig, sound } from './config.ts';
import type { ConfigInput, ConfigValues } from './config-schema.ts';
import { linesOf } from './lines.ts';
import { absoluteAddress } from './listen-address.ts';
import { type Lines, lineOf, withLines } from './problem.ts';
import { readSections } from './sections.ts';

/**
 * Checks a configuration made in this process, written as the file would be.
 * @param folder where relative paths in it start from
 * @throws CONFIG_INVALID
 */
export function defineConfig(input: ConfigInput, folder: string = process.cwd()): Config {
  return sound(examine(input, { shown: 'configuration', file: null, folder: resolve(folder), text: null }));
}

/** Checks what was written, and fills in the defaults. */
export function examine(input: unknown, origin: ConfigOrigin): ReadConfig {
  const { values, problems } = readSections(input, origin.folder);
  const lines = linesOf(origin.text);
  const named = withNamedRules(values, lines);
  return { values: withAbsoluteSockets(named, origin.folder), problems: withLines(problems, lines), origin };
}

/** Socket files, as all paths, start from the folder of the configuration. */
function withAbsoluteSockets(values: ConfigValues, folder: string): ConfigValues {
  const absolute = <Place extends { readonly address: string }>(place: Place): Place => ({
    ...place,
    address: absoluteAddress(place.address, folder),
  });
  return {
    ...values,
    ...(values.admin && { admin: { ...values.admin, listen: absoluteAddress(values.admin.listen, folder) } }),
    site: mapValues(values.site, (site) => ({ ...site, listen: site.listen.map(absolute) })),
    pool: mapValues(values.pool, (pool) =>
      pool.kind === 'connect' ? { ...pool, connect: pool.connect.map(absolute) } : pool,
    ),
  };
}

/** A rule is called by its place and its line, by `explain` and in logs. */
function withNamedRules(values: ConfigValues, lines: Lines): ConfigValues {
  const sites = Object.entries(values.site).map(([name, site]) => {
    const rules = site.rule.map((rule, at) => {
      // That of a preset has a name.
      if (rule.name !== '') return rule;
      const line = lineOf(lines, ['site', name, 'rule', at]);
      return { ...rule, name: `rule ${at + 1}${line === null ? '' : ` (line ${line})`}` };
    });
    return [name, { ...site, rule: rules }] as const;
  });
  return { ...values, site: Object.fromEntries(sites) };
}

function mapValues<Value>(values: Readonly<Record<string, Value>>, change: (value: Value) => Value) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}
