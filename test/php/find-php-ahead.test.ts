import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { findPhpAhead } from '../../src/php/find-php.ts';
import { temporaryFolder } from '../support/folder.ts';

describe('findPhpAhead()', () => {
  it('gives what was begun to the first who asks for it, and looks again for later ones', async (t) => {
    const folder = temporaryFolder(t);
    const options = { wanted: phpThatCounts(folder), path: '/usr/bin:/bin', home: null, folder };
    const find = findPhpAhead([options]);
    const first = find({ ...options });
    assert.equal((await first).version.text, '8.4.28');
    assert.equal(asked(folder), 1);
    assert.equal((await find(options)).version.text, '8.4.28');
    assert.equal(asked(folder), 2);
  });

  it('looks for what it did not begin to look for', async (t) => {
    const folder = temporaryFolder(t);
    const options = { wanted: phpThatCounts(folder), path: '/usr/bin:/bin', home: null, folder: '/' };
    assert.equal((await findPhpAhead([])(options)).version.text, '8.4.28');
  });

  it('tells a failure to whoever asks, and to nobody else', async () => {
    const options = { wanted: '/no/such/php', path: '', home: null, folder: '/' };
    const find = findPhpAhead([options]);
    await new Promise((resolve) => setImmediate(resolve));
    await assert.rejects(find(options), { code: 'CONFIG_INVALID', message: /there is no such file/ });
  });
});

/** A php-cgi that writes down when it is asked for its version. */
function phpThatCounts(folder: string): string {
  const path = join(folder, 'php-cgi');
  const body = `case "$*" in *-v*) echo asked >> ${folder}/asked; echo "PHP 8.4.28 (cgi-fcgi) (built: x)";; esac`;
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return path;
}

function asked(folder: string): number {
  return readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n').length;
}
