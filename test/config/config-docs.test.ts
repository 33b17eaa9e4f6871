// Holds postern.schema.json and docs/configuration.md against the schema.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseConfig } from '../../src/config/config-file.ts';
import { configJsonSchema } from '../../src/config/config-schema.ts';

interface Section {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Section>>;
  readonly additionalProperties?: Section | false;
  readonly items?: Section;
  readonly oneOf?: readonly Section[];
  readonly required?: readonly string[];
}

const root = new URL('../../', import.meta.url);
const schema = configJsonSchema() as Section;
const page = readFileSync(new URL('docs/configuration.md', root), 'utf8');

describe('the configuration, as it is documented', () => {
  it('has a JSON Schema that was made from the schema as it is (npm run schema)', () => {
    assert.deepEqual(JSON.parse(readFileSync(new URL('postern.schema.json', root), 'utf8')), configJsonSchema());
  });

  const site = schema.properties?.site?.additionalProperties || undefined;
  const sections: Readonly<Record<string, Section | undefined>> = {
    '[service]': schema.properties?.service,
    '[admin]': schema.properties?.admin,
    '[acme]': schema.properties?.acme,
    '[log]': schema.properties?.log,
    '[site.NAME]': site,
    '[[site.NAME.rule]]': site?.properties?.rule?.items,
    '[[site.NAME.sendfile]]': site?.properties?.sendfile?.items,
  };
  for (const [title, section] of Object.entries(sections)) {
    it(`names each key of ${title} with its default and meaning, and no other`, () => {
      const expected = Object.entries(section?.properties ?? {}).filter(
        ([, key]) => key.items?.type !== 'object' && key.items?.oneOf === undefined,
      );
      assert.deepEqual(
        rowsOf(title),
        expected.map(([name, key]) => `| \`${name}\` | ${shownDefault(key)} | ${key.description} |`),
      );
    });
  }

  const pools = poolOf(schema)?.oneOf ?? [];
  const samples = {
    php: '"auto"',
    command: '["/bin/true"]',
    connect: '"127.0.0.1:9000"',
    cgi: 'true',
    app: '"app.ts"',
  };
  for (const [kind, value] of Object.entries(samples)) {
    it(`refuses in a pool with ${kind} each key that means nothing there, with its line, as the JSON Schema does`, () => {
      const own = pools.find(({ required }) => required?.includes(kind))!;
      assert.equal(own.additionalProperties, false);
      const all = new Set(pools.flatMap(({ properties }) => Object.keys(properties!)));
      const foreign = [...all].filter((key) => !(key in own.properties!) && !(key in samples));
      assert.ok(foreign.length > 1);
      const text = `[pool.p]\n${kind} = ${value}\n${foreign.map((key) => `${key} = 2\n`).join('')}`;
      assert.throws(
        () => parseConfig(text, '/srv/postern.toml'),
        ({ message }: Error) => {
          for (const [at, key] of foreign.entries())
            assert.match(message, new RegExp(`^/srv/postern\\.toml:${at + 3}: ${key} in \\[pool\\.p\\] is for `, 'm'));
          return true;
        },
      );
    });
  }

  const kinds: Readonly<Record<string, readonly Section[] | undefined>> = {
    '[[site.NAME.route]]': site?.properties?.route?.items?.oneOf,
    '[pool.NAME]': pools,
  };
  for (const [title, options] of Object.entries(kinds)) {
    it(`names each key of ${title} with the kinds that have it, its default and meaning, and no other`, () => {
      assert.deepEqual(rowsOf(title), rowsByKind(options!));
    });
  }
});

/** The rows of a section that is of one of several kinds: a key's row says for which. */
function rowsByKind(kinds: readonly Section[]): string[] {
  const rows = new Map<string, string[]>();
  // What tells the kinds apart comes first.
  for (const isOwn of [true, false]) {
    for (const kind of kinds) {
      const own = kindOf(kind, kinds);
      for (const [name, key] of Object.entries(kind.properties ?? {})) {
        if ((name === own) !== isOwn) continue;
        const row = `${shownDefault(key)} | ${key.description} |`;
        rows.set(`${name}\0${row}`, [...(rows.get(`${name}\0${row}`) ?? []), own]);
      }
    }
  }
  return [...rows].map(([id, of]) => {
    const [name, row] = id.split('\0') as [string, string];
    return `| \`${name}\` | ${of.length === kinds.length ? 'all' : of.join(', ')} | ${row}`;
  });
}

/** The key that only this kind has, and has to have. */
function kindOf(kind: Section, kinds: readonly Section[]): string {
  const others = kinds.filter((one) => one !== kind);
  return kind.required!.find((name) => !others.some((one) => name in (one.properties ?? {})))!;
}

function shownDefault(key: Section): string {
  return key.default === undefined ? '' : `\`${JSON.stringify(key.default)}\``;
}

/** The rows of the table below a title. */
function rowsOf(title: string): string[] {
  const text = page.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '';
  return text.split('\n').filter((line) => line.startsWith('| `'));
}

function poolOf({ properties }: Section): Section | undefined {
  return properties?.pool?.additionalProperties || undefined;
}
