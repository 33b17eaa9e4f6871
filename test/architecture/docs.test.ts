// Holds the pages against each other and against the code: links lead somewhere, each page names the next, and tables of options have the code's defaults.

import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { defaultAppLimits } from '../../src/app/app-options.ts';
import { defaultClientOptions } from '../../src/client/client-options.ts';
import { defaultServerLimits } from '../../src/fastcgi-server/server-limits.ts';

const root = new URL('../../', import.meta.url).pathname;
const pages = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md', 'packages/*/*.md', 'bench/**/*.md'], {
  cwd: root,
  exclude: ['**/node_modules/**'],
});
const read = (page: string): string => readFileSync(join(root, page), 'utf8');

describe('the pages', () => {
  it('have links that lead somewhere', () => {
    const dead = pages.flatMap((page) =>
      linksOf(page)
        .filter(({ file, anchor }) => !existsSync(file) || (anchor !== '' && !headingsOf(file).has(anchor)))
        .map(({ link }) => `${page}: ${link}`),
    );
    assert.deepEqual(dead, []);
  });

  it('name files of the sources that there are', () => {
    const files = globSync(['{src,test,bench,packages}/**/*.{ts,tsx}'], { cwd: root, exclude: ['**/node_modules/**'] });
    const own = pages.filter((page) => page === 'ARCHITECTURE.md' || page.startsWith('docs/decisions/'));
    const dead = own.flatMap((page) =>
      [...read(page).matchAll(/`([\w./-]+\.tsx?)`/g)]
        .map(([, path]) => path!)
        .filter((path) => !files.some((file) => file === path || file.endsWith(`/${path}`)))
        .map((path) => `${page}: ${path}`),
    );
    assert.deepEqual(dead, []);
  });

  it('name functions of the sources that there are', () => {
    const code = globSync('src/**/*.ts', { cwd: root }).map((file) => readFileSync(join(root, file), 'utf8'));
    const names = [...read('ARCHITECTURE.md').matchAll(/`(?:\w+\.)?(#?\w+)\(\)`/g)].map(([, name]) => name!);
    assert.ok(names.length > 20, `${names.length} names`);
    assert.deepEqual(
      names.filter((name) => !code.some((text) => new RegExp(`(?<!\\w)${name}(?:<[^>]*>)?\\(`).test(text))),
      [],
    );
  });

  it('have a glossary of at most 25 words', () => {
    const [, words = ''] = /^## Words\n([\s\S]*?)^## /m.exec(read('ARCHITECTURE.md')) ?? [];
    const count = words.match(/^\| [a-z]/gm)!.length - 1;
    assert.ok(count > 10 && count <= 25, `${count} words`);
  });

  it('of docs/ each name the next one, from the first steps to the architecture', () => {
    const read = ['docs/getting-started.md'];
    while (read.at(-1) !== 'ARCHITECTURE.md' && read.length < 50) read.push(nextOf(read.at(-1)!));
    assert.deepEqual(read.slice(0, -1).sort(), pages.filter((page) => /^docs\/[^/]+\.md$/.test(page)).sort());
  });

  it('name the limits of an application with their defaults', () => {
    const page = read('docs/applications.md');
    for (const [prefix, limits] of [
      ['limits', defaultAppLimits],
      ['connectionLimits', defaultServerLimits],
    ] as const) {
      for (const [name, value] of Object.entries(limits)) {
        const row = new RegExp(`^\\| \`${prefix}\\.${name}\` \\|.*\\| ([\\d,]+)[^|]*\\|$`, 'm').exec(page);
        assert.ok(row, `docs/applications.md has no row for ${prefix}.${name}`);
        if (typeof value === 'number') assert.equal(row[1], value.toLocaleString('en'), name);
      }
    }
  });

  it('name the options of a client with their defaults', () => {
    const page = read('docs/client.md');
    const cells = new Map<string, string>();
    for (const [, names, values] of page.matchAll(/^\| ((?:`\w+`(?:, )?)+) \| ([^|]+) \|/gm)) {
      const all = values!.split(/, (?=\D|\d)/);
      for (const [index, name] of [...names!.matchAll(/`(\w+)`/g)].entries()) cells.set(name[1]!, all[index] ?? '');
    }
    for (const [name, value] of Object.entries(defaultClientOptions)) {
      const wanted = typeof value === 'string' ? `\`'${value}'\`` : sizeOf(name, value);
      assert.equal(cells.get(name)?.trim(), wanted, name);
    }
  });
});

/** Relative links of a page, outside of code. */
function linksOf(page: string): { readonly link: string; readonly file: string; readonly anchor: string }[] {
  const text = read(page)
    .replace(/^```[\s\S]*?^```/gm, '')
    .replace(/`[^`\n]*`/g, '``');
  return [...text.matchAll(/\]\((?!\w+:)([^)\s]+)\)/g)].map(([, link]) => {
    const [path, anchor = ''] = link!.split('#');
    return { link: link!, file: path === '' ? join(root, page) : join(root, page, '..', path!), anchor };
  });
}

/** The anchors of a page's headings, as GitHub makes them. */
function headingsOf(file: string): Set<string> {
  if (!file.endsWith('.md')) return new Set();
  const headings = readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm);
  return new Set(
    [...headings].map(([, text]) =>
      text!
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** The first page that the last line of a page names. */
function nextOf(page: string): string {
  const next = /^Next: \[[^\]]+\]\(([^)]+)\).*$/.exec(read(page).trimEnd().split('\n').at(-1)!);
  assert.ok(next, `${page} ends with no "Next: [...](...)"`);
  return join(page, '..', next[1]!);
}

/** Sizes are in KiB and MiB, numbers have commas. */
function sizeOf(name: string, value: number): string {
  if (!name.endsWith('Bytes')) return value.toLocaleString('en');
  return value >= 1_048_576 ? `${value / 1_048_576} MiB` : `${value / 1_024} KiB`;
}
