// Holds postern.schema.json and docs/configuration.md against the schema.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { configJsonSchema } from '../../src/config/config-schema.ts';

interface Section {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Section>>;
  readonly additionalProperties?: Section;
  readonly items?: Section;
}

const root = new URL('../../', import.meta.url);
const schema = configJsonSchema() as Section;
const page = readFileSync(new URL('docs/configuration.md', root), 'utf8');

describe('the configuration, as it is documented', () => {
  it('has a JSON Schema that was made from the schema as it is (npm run schema)', () => {
    assert.deepEqual(JSON.parse(readFileSync(new URL('postern.schema.json', root), 'utf8')), configJsonSchema());
  });

  const site = schema.properties?.site?.additionalProperties;
  const sections: Readonly<Record<string, Section | undefined>> = {
    '[admin]': schema.properties?.admin,
    '[log]': schema.properties?.log,
    '[site.NAME]': site,
    '[[site.NAME.route]]': site?.properties?.route?.items,
    '[[site.NAME.sendfile]]': site?.properties?.sendfile?.items,
    '[pool.NAME]': schema.properties?.pool?.additionalProperties,
  };
  for (const [title, section] of Object.entries(sections)) {
    it(`names each key of ${title} with its default and meaning, and no other`, () => {
      const expected = Object.entries(section?.properties ?? {}).filter(([, key]) => key.items?.type !== 'object');
      assert.deepEqual(
        rowsOf(title),
        expected.map(([name, key]) => `| \`${name}\` | ${shownDefault(key)} | ${key.description} |`),
      );
    });
  }
});

function shownDefault(key: Section): string {
  return key.default === undefined ? '' : `\`${JSON.stringify(key.default)}\``;
}

/** The rows of the table below a title. */
function rowsOf(title: string): string[] {
  const text = page.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '';
  return text.split('\n').filter((line) => line.startsWith('| `'));
}
