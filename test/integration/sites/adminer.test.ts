// Adminer with SQLite under `postern serve`, used as a person uses it, in a real browser.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { closeDatabase, createDatabase, importSql, runSql } from '../../support/adminer.ts';
import { browserMissing, openPage, screenshot } from '../../support/browser.ts';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { startPostern } from '../../support/postern.ts';
import { copyAdminer, siteMissing } from '../../support/sites.ts';

const missing = siteMissing('adminer') ?? browserMissing() ?? phpWithoutSqlite();

test('Adminer makes an SQLite database, fills it by hand and by upload, and logs out', {
  skip: missing ?? false,
}, async (t) => {
  const folder = join(temporaryFolder(t), 'adminer');
  copyAdminer(folder);
  const postern = await startPostern(t, ['serve', folder, '--port', '0', '--admin', '127.0.0.1:0']);
  const page = await openPage(t);
  const file = join(folder, 'site.db');

  await createDatabase(page, postern.base, file);
  const made = await runSql(page, postern.base, file, 'CREATE TABLE t(a); INSERT INTO t VALUES (42),(43)');
  assert.match(made, /2 rows affected/);
  assert.match(await importSql(page, postern.base, file, 'INSERT INTO t VALUES (99);'), /1 query executed OK/);
  assert.match(await runSql(page, postern.base, file, 'SELECT sum(a) AS total FROM t'), /total\s+184/);
  await screenshot(page, 'adminer-sql');
  await closeDatabase(page);
  assert.equal(await postern.stop(), 0);
});

function phpWithoutSqlite(): string | null {
  const phpCgi = findProgram('php-cgi');
  if (phpCgi === null) return 'php-cgi is not installed';
  return /^sqlite3$/m.test(execFileSync(phpCgi, ['-m'], { encoding: 'utf8' })) ? null : 'php has no SQLite';
}
