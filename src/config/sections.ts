// Reads a configuration section by section, so that all its faults are told at once: a faulty key hides no other, nor the rules behind it.

import { z } from 'zod';
import { Users } from '../worker/user.ts';
import { checkStore } from './acme-rules.ts';
import { acme } from './acme-schema.ts';
import { checkToken } from './admin-token.ts';
import { checkLog, checkPoolPages } from './config-rules.ts';
import { admin, type ConfigValues, log, service } from './config-schema.ts';
import { sectionKeyHint, sectionKeyPattern } from './key-types.ts';
import { checkListeners } from './listener-rules.ts';
import { nearestName } from './nearest.ts';
import { checkPool } from './pool-rules.ts';
import { type PoolValues, poolKinds } from './pool-schema.ts';
import { phpPoolOf, withPreset } from './preset.ts';
import { keyName, type Path, type Problem, pathKey, problemsOf, sectionName, shown } from './problem.ts';
import { checkPreset, checkRule, checkRuledListeners } from './rule-checks.ts';
import { rule as ruleSchema } from './rule-schema.ts';
import { checkRoute, checkSite, type Targets } from './site-rules.ts';
import { type RouteValues, routeKinds, type SiteValues, sendfile, siteKeys } from './site-schema.ts';

/** What was read. */
export interface ReadSections {
  /** Whole where there are no problems; else what could be read. */
  readonly values: ConfigValues;
  readonly problems: readonly Problem[];
}

type Table = Readonly<Record<string, unknown>>;

/** A section that is of one of several strict kinds, each told by a key that only it has. */
type Kinds = Readonly<Record<string, z.ZodType>>;

/** The rules that a section has besides its schema. */
type Rules<Values> = (values: Values) => readonly Problem[];

const topKeys = ['service', 'admin', 'acme', 'log', 'site', 'pool'];
const siteTables = ['sendfile', 'rule', 'route'];

/**
 * Reads what a file holds.
 * @param folder where relative paths start from
 */
export function readSections(input: unknown, folder: string): ReadSections {
  const reader = new SectionReader();
  const users = new Users();
  const top = reader.table(input, []) ?? {};
  reader.refuseUnknown(top, topKeys, []);
  const sites = reader.named(top.site, 'site');
  const pools = reader.named(top.pool, 'pool');
  const poolValues = readEach(pools, (pool, name) => readPool(reader, pool, ['pool', name], folder, users));
  const targets: Targets = new Map(Object.keys(pools).map((name) => [name, poolValues[name] ?? null]));
  const read: ConfigValues = {
    service: reader.section(service, top.service ?? {}, ['service']) ?? service.parse({}),
    log: reader.section(log, top.log ?? {}, ['log'], (one) => checkLog(one, folder)) ?? log.parse({}),
    acme: reader.section(acme, top.acme ?? {}, ['acme']) ?? acme.parse({}),
    admin:
      top.admin === undefined
        ? undefined
        : (reader.section(admin, top.admin, ['admin'], (one) => checkToken(one, folder)) ?? undefined),
    site: readEach(sites, (site, name) => readSite(reader, site, ['site', name], folder, targets, users)),
    pool: poolValues,
  };
  const values = withPresets(read, folder, reader);
  if (Object.keys(sites).length === 0)
    reader.add({ path: [], message: 'there is no site: add a section [site.main] with its root and routes' });
  reader.addRules(checkListeners(values, folder, (path) => reader.isFaulty(path)));
  reader.addRules(checkPoolPages(values));
  reader.addRules(checkStore(values, folder));
  return { values, problems: reader.problems };
}

/** Adds what presets say. A file that has none of the pools that they need gets it. */
function withPresets(values: ConfigValues, folder: string, reader: SectionReader): ConfigValues {
  const named = Object.entries(values.site).filter(([, { preset }]) => preset !== undefined);
  if (named.length === 0) return values;
  const found = phpPoolOf(values.pool);
  const pool = found ?? (values.pool.php === undefined ? 'php' : 'php-preset');
  const sites = { ...values.site };
  for (const [name, site] of named) {
    const problems = checkPreset(site, ['site', name], folder);
    reader.addRules(problems);
    if (problems.length === 0) sites[name] = withPreset(site, site.preset!, pool);
  }
  const added = found === null ? { [pool]: poolKinds.php.parse({ php: 'auto' }) } : {};
  return { ...values, site: sites, pool: { ...values.pool, ...added } };
}

function readSite(reader: SectionReader, input: unknown, path: Path, folder: string, pools: Targets, users: Users) {
  const { route, rule, sendfile: folders, ...keys } = reader.table(input, path) ?? {};
  const section = reader.section(
    z.strictObject(siteKeys),
    keys,
    path,
    (site) => checkSite(site, path, folder, users),
    siteTables,
  );
  const routes = reader.list(route, [...path, 'route'], (one, at) =>
    reader.kind<RouteValues>(routeKinds, one, at, 'where it leads', (values) => checkRoute(values, at, folder, pools)),
  );
  const rules = reader.list(rule, [...path, 'rule'], (one, at) =>
    reader.section(ruleSchema, one, at, (values) => checkRule(values, at, folder, pools)),
  );
  if (section !== null && rules.length > 0) reader.addRules(checkRuledListeners(section.listen, path));
  const sent = reader.list(folders, [...path, 'sendfile'], (one, at) => reader.section(sendfile, one, at));
  return section === null ? null : ({ ...section, sendfile: sent, rule: rules, route: routes } satisfies SiteValues);
}

function readPool(reader: SectionReader, input: unknown, path: Path, folder: string, users: Users): PoolValues | null {
  return reader.kind<PoolValues>(poolKinds, input, path, 'what it runs', (pool) =>
    checkPool(pool, path, folder, users),
  );
}

/** Gathers the problems of sections. */
class SectionReader {
  readonly problems: Problem[] = [];
  readonly #faulty = new Set<string>();

  add(...problems: readonly Problem[]): void {
    this.problems.push(...problems);
    for (const { path } of problems) this.#faulty.add(pathKey(path));
  }

  /** Adds what rules found where the schema found nothing. */
  addRules(problems: readonly Problem[]): void {
    this.problems.push(...problems.filter(({ path, other = path }) => !this.isFaulty(path) && !this.isFaulty(other)));
  }

  /** Whether a key, or what it is in, has a problem already. */
  isFaulty(path: Path): boolean {
    return this.#faulty.size > 0 && path.some((_, index) => this.#faulty.has(pathKey(path.slice(0, index + 1))));
  }

  /** A table; null: it is something else. */
  table(input: unknown, path: Path): Table | null {
    if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input as Table;
    const section = path.length === 0 ? 'a configuration' : sectionName(path);
    this.add({ path, message: `${section} must be a section, not ${shown(input)}` });
    return null;
  }

  /** The sections [KEY.NAME] with their names. */
  named(input: unknown, key: string): Table {
    const table = input === undefined ? {} : (this.table(input, [key]) ?? {});
    for (const name of Object.keys(table).filter((one) => !sectionKeyPattern.test(one)))
      this.add({ path: [key, name], message: `[${key}.${JSON.stringify(name)}]: ${sectionKeyHint}` });
    return table;
  }

  /** The tables [[KEY]], each read. */
  list<Values>(input: unknown, path: Path, read: (one: unknown, path: Path) => Values | null): Values[] {
    if (input === undefined) return [];
    if (!Array.isArray(input)) {
      this.add({ path, message: `${keyName(path)} must be a list: write ${sectionName([...path, 0])}` });
      return [];
    }
    return input.map((one, index) => read(one, [...path, index])).filter((one) => one !== null);
  }

  /**
   * One section; null: it could not be read. Faulty keys count as not given, so that the rules of the others are looked at.
   * @param more keys that are read elsewhere
   */
  section<Schema extends z.ZodType>(
    schema: Schema,
    input: unknown,
    path: Path,
    rules: Rules<z.output<Schema>> = () => [],
    more: readonly string[] = [],
    unknownKey = (key: string, table: Path): string =>
      unknown(key, [...path, ...table], table.length === 0 ? [...keysOf(schema), ...more] : keysOf(schema, table)),
  ): z.output<Schema> | null {
    const table = this.table(input, path);
    if (table === null) return null;
    const first = schema.safeParse(table);
    if (!first.success) this.add(...problemsOf(first.error.issues, path, table, unknownKey));
    const { success, data } = first.success ? first : schema.safeParse(this.#sound(table, path));
    if (!success) return null;
    this.addRules(rules(data));
    return data;
  }

  #sound(table: Table, path: Path): Table {
    return Object.fromEntries(Object.entries(table).filter(([key]) => !this.isFaulty([...path, key])));
  }

  /** One section of several kinds. `asks`: what the key of a kind says, for messages. */
  kind<Values>(kinds: Kinds, input: unknown, path: Path, asks: string, rules: Rules<Values>): Values | null {
    const table = this.table(input, path);
    if (table === null) return null;
    const section = sectionName(path);
    const [kind, second] = kindsIn(kinds, table);
    const names = Object.keys(kinds).join(', ');
    if (kind === undefined || second !== undefined) {
      const wrong = kind === undefined ? `does not say ${asks}` : `says ${kindsIn(kinds, table).join(' and ')}`;
      this.refuseUnknown(table, [...new Set(Object.values(kinds).flatMap((one) => keysOf(one)))], path);
      this.add({
        path: second === undefined ? path : [...path, second],
        message: `${section} ${wrong}: give one of ${names}`,
      });
      return null;
    }
    const unknownKey = (key: string, inner: Path): string => {
      const others = Object.keys(kinds).filter((one) => keysOf(kinds[one]!).includes(key));
      if (inner.length > 0 || others.length === 0)
        return unknown(key, [...path, ...inner], keysOf(kinds[kind]!, inner));
      return `${key} in ${section} is for ${listed(others)}: this one has ${kind}`;
    };
    return this.section(
      kinds[kind]!,
      table,
      path,
      (values) => rules(values as Values),
      [],
      unknownKey,
    ) as Values | null;
  }

  refuseUnknown(table: Table, known: readonly string[], path: Path): void {
    for (const key of Object.keys(table).filter((one) => one !== '$schema' && !known.includes(one)))
      this.add({ path: [...path, key], message: unknown(key, path, known) });
  }
}

function readEach<Values>(
  tables: Table,
  read: (table: unknown, name: string) => Values | null,
): Record<string, Values> {
  const entries = Object.entries(tables).map(([name, table]) => [name, read(table, name)] as const);
  return Object.fromEntries(entries.filter((entry): entry is [string, Values] => entry[1] !== null));
}

/** The kinds that a table says it is of. */
function kindsIn(kinds: Kinds, table: unknown): string[] {
  return Object.keys(kinds).filter((kind) => (table as Table | null)?.[kind] !== undefined);
}

function unknown(key: string, section: Path, known: readonly string[]): string {
  const near = nearestName(key, known);
  const where =
    section.length === 0 ? `unknown section or key "${key}"` : `unknown key "${key}" in ${sectionName(section)}`;
  return near === null ? `${where}: known are ${known.join(', ')}` : `${where}: did you mean "${near}"?`;
}

/** The keys that a table may have, found in the schema itself. */
function keysOf(schema: unknown, path: Path = []): readonly string[] {
  const found = path.reduce<readonly unknown[]>(
    (at, key) => at.flatMap((one) => childrenOf(one, key)),
    unwrapped(schema),
  );
  return found.flatMap((one) => (one instanceof z.ZodObject ? Object.keys(one.shape) : []));
}

function childrenOf(schema: unknown, key: PropertyKey): readonly unknown[] {
  if (schema instanceof z.ZodObject) return unwrapped(schema.shape[String(key)]);
  if (schema instanceof z.ZodRecord) return unwrapped(schema.valueType);
  return schema instanceof z.ZodArray ? unwrapped(schema.element) : [];
}

/** What is inside optional, default, transform and union. */
function unwrapped(schema: unknown): readonly unknown[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault) return unwrapped(schema.unwrap());
  if (schema instanceof z.ZodPipe) return unwrapped(schema.in);
  return schema instanceof z.ZodUnion ? schema.options.flatMap((option) => unwrapped(option)) : [schema];
}

/** "a", "a and b", "a, b and c". */
function listed(names: readonly string[]): string {
  return [names.slice(0, -1).join(', '), names.at(-1)].filter((text) => text !== '').join(' and ');
}
