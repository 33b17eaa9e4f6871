import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { recognise } from '../../src/cli/recognise.ts';
import { temporaryFolder } from '../support/folder.ts';

describe('recognise()', () => {
  const cases: readonly [what: string, files: readonly string[], root: string, fallback: string | null][] = [
    ['WordPress', ['wp-load.php', 'wp-includes/x', 'index.php'], '.', '/index.php'],
    ['Laravel, its public/ is served', ['artisan', 'public/index.php'], 'public', '/index.php'],
    ['Symfony, its public/ is served', ['bin/console', 'public/index.php'], 'public', '/index.php'],
    ['Drupal, its web/ is served', ['web/index.php', 'web/core/x'], 'web', '/index.php'],
    ['DokuWiki', ['doku.php', 'inc/x', 'index.php'], '.', null],
    ['a Composer project, its public/ is served', ['composer.json', 'public/index.php'], 'public', '/index.php'],
    ['PHP, its public/ is served', ['README.md', 'public/index.php'], 'public', '/index.php'],
    ['PHP', ['index.php', 'public/index.php'], '.', '/index.php'],
    ['PHP', ['info.php'], '.', null],
    ['files', ['index.html'], '.', null],
    ['files', [], '.', null],
  ];
  for (const [what, files, root, fallback] of cases) {
    it(`takes a folder with ${files.join(', ') || 'nothing'} for ${what}`, (t) => {
      const folder = temporaryFolder(t);
      for (const file of files) {
        mkdirSync(dirname(join(folder, file)), { recursive: true });
        writeFileSync(join(folder, file), '');
      }
      const found = recognise(folder);
      assert.deepEqual([found.what, found.root, found.fallback], [what, join(folder, root), fallback]);
    });
  }

  it('takes the front controller from an .htaccess', (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'index.php'), '');
    writeFileSync(join(folder, '.htaccess'), 'RewriteEngine On\nRewriteRule ^(.*)$ index.php [QSA,L]\n');
    assert.equal(recognise(folder).fallback, '/index.php');
  });

  it('takes front controllers of folders below, and what is closed, from their .htaccess files', (t) => {
    const folder = temporaryFolder(t);
    const files = {
      'home.php': '',
      'app1/.htaccess': 'RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule . index.php [L]\n',
      'app1/logs/.htaccess': 'Deny from all\n',
      'temp/.htaccess': '<IfModule mod_authz_core.c>\nRequire all denied\n</IfModule>\n',
      'a[b]/.htaccess': 'Deny from all\n',
      '.htaccess': 'Header set X-A b\n',
    };
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), text);
    }
    const found = recognise(folder);
    assert.deepEqual([...found.fallbacks], [['/app1/*', '/app1/index.php']]);
    assert.deepEqual([...found.deny].sort(), ['/app1/logs/*', '/temp/*']);
    assert.deepEqual(found.notes, [
      'what .htaccess asks for and Postern does not do: .htaccess:1: Header set X-A b',
      'the .htaccess of /a[b]/ is not followed: its name holds one of ?*[]{}',
    ]);
  });

  it('knows the preset of an application', (t) => {
    const folder = temporaryFolder(t);
    for (const file of ['doku.php', 'inc']) writeFileSync(join(folder, file), '');
    assert.equal(recognise(folder).preset, 'dokuwiki');
  });
});
