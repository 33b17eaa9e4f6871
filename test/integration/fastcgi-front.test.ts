// Postern in PHP-FPM's place behind web servers: what a script learns of a request is compared field by field.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { findProgram, temporaryFolder } from '../support/folder.ts';
import { phpFpm, startFpm } from '../support/php-fpm.ts';
import { startPostern } from '../support/postern-process.ts';
import { differences, requestShapes, tell, writeShapesSite } from '../support/request-shapes.ts';
import { freePort } from '../support/server-process.ts';
import { webServers } from '../support/web-servers.ts';

/** A row of the list in the docs, and the differences that it is the reason of. */
interface Reason {
  /** As the first cell of the list has it. */
  readonly row: string;
  /** Which fields of which requests. */
  readonly field: RegExp;
  readonly shape?: RegExp;
}

const reasons: readonly Reason[] = [
  { row: '`ORIG_*`', field: /^server\.ORIG_[A-Z_]+$/ },
  { row: '`PATH_TRANSLATED`', field: /^server\.PATH_TRANSLATED$/ },
  { row: '`POSTERN_MARK`', field: /^server\.POSTERN_MARK$/ },
  { row: '`PATH`', field: /^server\.PATH$/ },
  { row: '`HTTP_CONTENT_TYPE`, `HTTP_CONTENT_LENGTH`', field: /^server\.HTTP_CONTENT_(?:TYPE|LENGTH)$/ },
  {
    row: '`HTTP_PROXY`, `HTTP_REDIRECT_*`, `HTTP_X_SENDFILE*`, `HTTP_X_ACCEL_*`',
    field: /^(?:server\.HTTP_|headers\.)(?:PROXY|REDIRECT|X.SENDFILE|X.ACCEL)/i,
  },
  {
    row: '`PHP_VALUE`, `PHP_ADMIN_VALUE`',
    field: /^(?:server\.PHP_(?:ADMIN_)?VALUE|precision|memory)$/,
    shape: /^GET \/ini\//,
  },
  { row: '`SCRIPT_NAME`, `PATH_INFO`', field: /\.(?:SCRIPT_NAME|PATH_INFO)$/, shape: /^GET \/unsplit\/p\.php\/a/ },
  { row: 'A folder outside the root', field: /^(?:status|runs)$/, shape: /^GET \/alias\// },
  { row: 'A link that leaves the root', field: /^(?:status|runs)$/, shape: /^GET \/out\.php/ },
  { row: 'A hidden name', field: /^(?:status|runs)$/, shape: /^GET \/(?:\.hidden\.php|p\.php~)/ },
  { row: 'A name that no route runs', field: /^status$/, shape: /^GET \/(?:upload\/x|p\.php~)/ },
  { row: 'A folder whose name ends as a script’s does', field: /^(?:status|runs)$/, shape: /^GET \/dir\.php\/$/ },
  { row: 'A control byte in the path', field: /^(?:status|runs)$/, shape: /^GET \/p\.php\/a%0A/ },
  { row: 'TRACE', field: /^(?:status|runs)$/, shape: /^TRACE/ },
];

/** Caddy 2.6 ends such a body without its length, and PHP-FPM waits for ever. */
const hangs = (server: string, shape: string): boolean => server === 'Caddy' && shape === 'POST chunked';

describe('Postern in PHP-FPM’s place', { skip: phpFpm === null ? 'PHP-FPM is not installed' : false }, () => {
  const met = new Set<string>();
  for (const [server, { program, start }] of Object.entries(webServers)) {
    const skip = findProgram(program) === null ? `${program} is not installed` : false;
    it(`behind ${server}, ${requestShapes.length} requests are to a script what they are to it behind PHP-FPM, but for the list in the docs`, {
      skip,
    }, async (t) => {
      const folder = temporaryFolder(t);
      const site = writeShapesSite(folder);
      const isRoot = process.getuid?.() === 0;
      const config = join(folder, 'postern.toml');
      const port = await freePort();
      writeFileSync(
        config,
        `[site.main]\nlisten = "fastcgi://127.0.0.1:${port}"\nroot = "site"\n` +
          `[[site.main.route]]\nmatch = "*.php"\npool = "php"\n` +
          `[pool.php]\nphp = "auto"\nworkers = 2\n${isRoot ? 'user = "www-data"\n' : ''}`,
      );
      await startPostern(t, folder, ['run', '-c', config]).wrote(/"msg":"running"/);
      const theirs = await start(t, site, await startFpm(t, 'www-data'));
      const ours = await start(t, site, port);
      const unexplained: string[] = [];
      for (const shape of requestShapes) {
        const own = await tell(ours, shape);
        if (hangs(server, shape.name)) {
          assert.equal(own.fields['post.a'], '1');
          continue;
        }
        for (const { field, a, b } of differences(await tell(theirs, shape), own)) {
          const reason = reasons.find((one) => one.field.test(field) && (one.shape?.test(shape.name) ?? true));
          if (reason === undefined) unexplained.push(`${shape.name}: ${field}: ${a} -> ${b}`);
          else met.add(reason.row);
        }
      }
      assert.deepEqual(unexplained, []);
    });
  }

  it('passes PHP_VALUE on to a PHP-FPM elsewhere, from a web server that is trusted alone (rule 11)', {
    skip: findProgram('nginx') === null ? 'nginx is not installed' : false,
  }, async (t) => {
    const folder = temporaryFolder(t);
    const site = writeShapesSite(folder);
    const shape = requestShapes.find(({ name }) => name === 'GET /ini/p.php')!;
    for (const [trusted, precision] of [
      ['10.0.0.1', '14'],
      ['127.0.0.1', '5'],
    ] as const) {
      const port = await freePort();
      const config = join(folder, `${precision}.toml`);
      writeFileSync(
        config,
        `[site.main]\nlisten = "fastcgi://127.0.0.1:${port}"\nroot = "site"\ntrustedPeers = ["${trusted}"]\n` +
          `[[site.main.route]]\nmatch = "*.php"\npool = "php"\n[pool.php]\nconnect = "127.0.0.1:${await startFpm(t, 'www-data')}"\n`,
      );
      await startPostern(t, folder, ['run', '-c', config]).wrote(/"msg":"running"/);
      assert.equal((await tell(await webServers.nginx!.start(t, site, port), shape)).fields.precision, precision);
    }
  });

  it('differs from it in what the docs list, and in nothing that they do not', () => {
    const page = readFileSync(new URL('../../docs/fastcgi-front.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| (.+?) \| .+ \| .+ \| .+ \|$/gm)]
      .map((row) => row[1]!)
      .filter((row) => !/^-+$|^What$/.test(row));
    assert.ok(page.includes(`A test sends ${requestShapes.length} requests`));
    assert.deepEqual(rows.toSorted(), reasons.map(({ row }) => row).toSorted());
  });

  after(() => {
    // Where all web servers were asked, a row that was not met says what is not so any more.
    if (Object.values(webServers).some(({ program }) => findProgram(program) === null)) return;
    assert.deepEqual(
      reasons.filter(({ row }) => !met.has(row)).map(({ row }) => row),
      [],
    );
  });
});
