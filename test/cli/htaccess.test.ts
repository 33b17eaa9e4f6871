import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseHtaccess, readHtaccess } from '../../src/cli/htaccess.ts';
import { temporaryFolder } from '../support/folder.ts';

describe('parseHtaccess()', () => {
  const closed: readonly [text: string, isClosed: boolean, why: string][] = [
    ['Require all denied', true, 'Apache 2.4'],
    ['order deny,allow\ndeny from all', true, 'Apache 2.2'],
    ['# comment\n\n  DENY   FROM  ALL  \n', true, 'blanks and case'],
    [
      '<IfModule mod_authz_core.c>\nRequire all denied\n</IfModule>\n<IfModule !mod_authz_core.c>\nDeny from all\n</IfModule>',
      true,
      'both, each in its module',
    ],
    ['Options -Indexes\nRequire all denied', true, 'beside what closes more'],
    ['<Files "*.log">\nRequire all denied\n</Files>', false, 'some files only'],
    ['<Limit POST>\nDeny from all\n</Limit>', false, 'some methods only'],
    ['Deny from all\nAllow from 127.0.0.1', false, 'somebody is let in'],
    ['Require all denied\nRequire ip 10.0.0.0/8', false, 'somebody is let in'],
    ['Require valid-user', false, 'those with a password'],
    ['Require all granted', false, 'everybody'],
    ['', false, 'nothing'],
  ];
  for (const [text, isClosed, why] of closed) {
    it(`${isClosed ? 'closes' : 'does not close'} a folder: ${why}`, () => {
      assert.equal(parseHtaccess(text, '/x/').isClosed, isClosed);
    });
  }

  const fallbacks: readonly [text: string, fallback: string | null, why: string][] = [
    ['FallbackResource /index.php', '/index.php', 'from the root'],
    ['FallbackResource app.php', '/x/app.php', 'beside the file'],
    ['FallbackResource disabled', null, 'none'],
    ['RewriteRule . /index.php [L]', '/index.php', 'WordPress'],
    ['RewriteBase /blog/\nRewriteRule . index.php [L]', '/blog/index.php', 'from the base'],
    ['RewriteRule ^ index.php [L]', '/x/index.php', 'Laravel'],
    ['RewriteRule ^(.*)$ index.php [QSA,L]', '/x/index.php', 'Slim'],
    ['RewriteRule ^(.*)$ index.php/$1 [L]', '/x/index.php', 'CodeIgniter'],
    ['RewriteRule ^(.*)$ public/ [L]', null, 'a folder'],
    ['RewriteRule ^old$ index.php [L]', null, 'one path only'],
    ['RewriteRule ^(.*)$ https://b.example/index.php [R]', null, 'elsewhere'],
    ['RewriteCond %{HTTP_HOST} ^b\\.\nRewriteRule ^ index.php', null, 'some hosts only'],
  ];
  for (const [text, fallback, why] of fallbacks) {
    it(`finds the front controller: ${why}`, () => assert.equal(parseHtaccess(text, '/x/').fallback, fallback));
  }

  it('says what is not followed, and only that', () => {
    const wordpress = `# BEGIN WordPress
RewriteEngine On
RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]
RewriteBase /
RewriteRule ^index\\.php$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule . /index.php [L]
# END WordPress`;
    assert.deepEqual(parseHtaccess(wordpress, '/'), { isClosed: false, fallback: '/index.php', ignored: [] });
    const other = `Options -Indexes +FollowSymLinks
Header set X-A \\
  b
<FilesMatch "\\.bak$">
  Require all denied
</FilesMatch>
RewriteCond %{HTTPS} off
RewriteRule ^(.*)$ https://x/$1 [R=301]
RewriteRule ^(.*)$ index.php?q=$1 [L]
RewriteRule ^secret - [F]
php_value memory_limit 1G`;
    assert.deepEqual(parseHtaccess(other, '/').ignored, [
      '2: Header set X-A b',
      '5: Require all denied (in <FilesMatch "\\.bak$">)',
      '7: RewriteCond %{HTTPS} off',
      '8: RewriteRule ^(.*)$ https://x/$1 [R=301]',
      '9: RewriteRule ^(.*)$ index.php?q=$1 [L]',
      '10: RewriteRule ^secret - [F]',
      '11: php_value memory_limit 1G',
    ]);
  });
});

describe('readHtaccess()', () => {
  it('looks at folders in folders, not into closed ones, and says when there are too many', (t) => {
    const root = temporaryFolder(t);
    const at = (path: string, text: string): void => {
      mkdirSync(join(root, path), { recursive: true });
      writeFileSync(join(root, path, '.htaccess'), text);
    };
    at('a/b/logs', 'Require all denied');
    at('a/b/logs/inner', 'Header set X y');
    at('node_modules/x', 'Deny from all');
    at('.git', 'Deny from all');
    const found = readHtaccess(root);
    assert.deepEqual(found.closed, ['/a/b/logs/']);
    assert.deepEqual([found.ignored, found.isComplete], [[], true]);
    assert.equal(readHtaccess(root, { folders: 2, depth: 9 }).isComplete, false);
    assert.equal(readHtaccess(root, { folders: 99, depth: 1 }).isComplete, false);
  });
});
