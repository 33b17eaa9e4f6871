// Routes as the configuration writes them: what each of their keys comes to for a client.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../../support/folder.ts';
import { PhpService, phpMissing } from '../../support/php-service.ts';

const script = '<?php echo $_SERVER["SCRIPT_NAME"], "|", $_SERVER["PATH_INFO"] ?? "";';

const routes = `
[[site.main.route]]
match = ["/uploads/*.{php,phtml}", "secret.txt"]
deny = true
[[site.main.route]]
match = "/source/*"
files = true
source = true
[[site.main.route]]
match = "/images/*"
files = true
[[site.main.route]]
match = "/app/*"
pool = "php"
fallback = "/app/index.php"
maxBody = "1KB"
[[site.main.route]]
match = "/phpmyadmin/*"
pool = "php"
root = "elsewhere"
index = "start.php"
[[site.main.route]]
match = "/blog/*"
pool = "php"
`;

describe('routes of the configuration', { skip: phpMissing }, () => {
  it('run, hand out and deny what their keys say', async (t) => {
    const folder = temporaryFolder(t);
    const files = ['blog/index.php', 'blog/x.gif', 'app/index.php', 'source/s.php', 'images/i.php', 'uploads/u.phtml'];
    for (const name of [...files, 'a/secret.txt', 'uploads/a.txt', '../elsewhere/start.php', '../elsewhere/a.php']) {
      const path = join(folder, 'public', name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, script);
    }
    writeFileSync(join(folder, 'public/blog/style.css'), 'body{}');
    const service = await PhpService.start(t, { folder, files: { 'index.php': script }, site: routes });
    const answers: readonly [path: string, status: number, body?: string][] = [
      ['', 200, '/index.php|'],
      ['blog/', 200, '/blog/index.php|'],
      ['blog/x.gif', 200, script],
      ['blog/style.css', 200, 'body{}'],
      ['blog/index.php/a%2Fb', 200, '/blog/index.php|/a/b'],
      ['app/', 200, '/app/index.php|'],
      ['app/any/path', 200, '/app/index.php|'],
      ['phpmyadmin/', 200, '/phpmyadmin/start.php|'],
      ['phpmyadmin/a.php', 200, '/phpmyadmin/a.php|'],
      ['source/s.php', 200, script],
      ['images/i.php', 404],
      ['uploads/u.phtml', 404],
      ['uploads/a.txt', 200, script],
      ['a/secret.txt', 404],
    ];
    for (const [path, status, body] of answers) {
      const answer = await service.get(path);
      const text = await answer.text();
      assert.deepEqual([answer.status, body === undefined ? undefined : text], [status, body], path);
    }
    const large = { method: 'POST', body: 'x'.repeat(2_000) };
    assert.equal((await fetch(`${service.url}app/x`, large)).status, 413);
    assert.equal((await fetch(service.url, large)).status, 200);
  });
});
