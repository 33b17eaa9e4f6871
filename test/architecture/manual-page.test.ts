// Holds the manual page that the package ships against the command line that it is made from.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { findProgram, temporaryFolder } from '../support/folder.ts';
import { postern } from '../support/postern-process.ts';

const page = new URL('../../assets/postern.1', import.meta.url).pathname;

it('the manual page is what the command line makes', async (t) => {
  const { out } = await postern(t, temporaryFolder(t), ['manual']);
  assert.equal(readFileSync(page, 'utf8'), out, 'npm run manual writes it anew');
});

it('the manual page is installed with the package: of one that is no list in package.json npm makes no link', () => {
  const { man } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { man: unknown };
  assert.deepEqual(man, ['assets/postern.1']);
});

it('the manual page is one that mandoc finds nothing wrong with', (t) => {
  if (findProgram('mandoc') === null) return t.skip('mandoc is not installed');
  const { stdout } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', page], { encoding: 'utf8' });
  // It has no date: the same source makes the same page.
  assert.deepEqual(
    stdout.split('\n').filter((line) => line !== '' && !line.includes('missing date')),
    [],
  );
});

it('the manual page has each command with each of its options, as a reader sees it', async (t) => {
  if (findProgram('mandoc') === null) return t.skip('mandoc is not installed');
  const { stdout } = spawnSync('mandoc', ['-T', 'utf8', '-O', 'width=200', page], { encoding: 'utf8' });
  const text = stdout.replace(/.\x08/g, '');
  for (const part of ['postern serve [dir]', '--port number', '-c, --config file', 'postern request address script'])
    assert.ok(text.includes(part), part);
  const { out } = await postern(t, temporaryFolder(t), ['--help']);
  const names = [...out.matchAll(/^ {2}([a-z]+)(?:\|[a-z]+)? /gm)].map(([, name]) => name!);
  assert.ok(names.length >= 11, out);
  for (const name of names) assert.match(text, new RegExp(`^ +postern ${name}\\b`, 'm'));
});
