// Holds the configurations that the pages show against what reads them, so that none of them is out of date.

import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/config-file.ts';
import { temporaryFolder } from '../support/folder.ts';

const root = new URL('../../', import.meta.url).pathname;

/** Pages of tasks: each block of theirs is a whole file. Pages of reference show parts of one. */
const pages = [
  'getting-started',
  'php-applications',
  'fastcgi-programs',
  'behind-a-proxy',
  'production',
  'tuning',
  'securing',
].map((name) => `docs/${name}.md`);

const blocks = pages.flatMap((page) =>
  [...readFileSync(root + page, 'utf8').matchAll(/^( *)```toml\n([\s\S]*?)^ *```$/gm)].map(
    ([, indent, text], index) => [page, index, text!.replaceAll(new RegExp(`^${indent}`, 'gm'), '')] as const,
  ),
);

/** Read as a file in a folder that is there; its roots are that folder. A block of one section gets the rest of a file. */
function read(t: TestContext, text: string): Config {
  const site = text.includes('[site.') ? '' : '[site.main]\nlisten = []\n';
  const folder = temporaryFolder(t);
  const here = text.replaceAll(/^root = ".*"$/gm, 'root = "."').replaceAll('/var/log/postern', folder);
  return parseConfig(`${here}${site}`, join(folder, 'postern.toml'));
}

describe('the configurations on the pages of tasks', () => {
  for (const [page, index, text] of blocks) {
    it(`can be read: ${page}, ${index + 1}`, (t) => {
      assert.ok(Object.keys(read(t, text).values.site).length > 0);
    });
  }

  it('are many', () => {
    assert.ok(blocks.length >= 13, `${blocks.length}`);
  });

  it('of contrib/ can be read', (t) => {
    const files = globSync('contrib/**/*.toml', { cwd: root });
    assert.ok(files.length > 0);
    for (const file of files) read(t, readFileSync(root + file, 'utf8'));
  });
});
