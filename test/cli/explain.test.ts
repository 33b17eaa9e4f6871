import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Explanation } from '../../src/sites/explanation.ts';
import { testCertificate, writeCertificate } from '../support/certificates.ts';
import { temporaryFolder } from '../support/folder.ts';
import { postern, startPostern } from '../support/postern-process.ts';

/** A site whose scripts a server elsewhere runs: nothing has to be started. */
function site(t: TestContext): string {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'public/folder'), { recursive: true });
  writeFileSync(join(folder, 'public/a.php'), '');
  symlinkSync('/etc/hostname', join(folder, 'public/link.html'));
  writeFileSync(
    join(folder, 'postern.toml'),
    `[site.main]
listen = "unix:${folder}/site.sock"
root = "public"
fallback = "/front.php"
[[site.main.route]]
match = "*.php"
pool = "php"
[pool.php]
connect = "unix:${folder}/none.sock"
`,
  );
  return folder;
}

describe('postern explain', () => {
  it('lists for a 404 what was tried, and why each failed', async (t) => {
    const folder = site(t);
    const tried = async (url: string): Promise<readonly string[]> => {
      const { out } = await postern(t, folder, ['explain', url, '--json'], folder);
      const explanation = JSON.parse(out) as Explanation;
      assert.equal(explanation.error, 'NOT_FOUND');
      return explanation.tried.map((line) => line.replaceAll(`${folder}/public`, 'ROOT'));
    };
    const front = ['ROOT/front.php: there is no such file', 'the fallback is /front.php'];
    assert.deepEqual(await tried('/no/b.php/c'), [
      'the route "*.php" (pool php) matches',
      'ROOT/no/b.php: there is no folder ROOT/no',
      ...front,
    ]);
    assert.deepEqual(await tried('/page'), [
      'no route matches: "*.php" (pool php)',
      'ROOT/page: there is no such file',
      ...front,
    ]);
    assert.match((await tried('/link.html'))[1]!, /^ROOT\/link\.html: it is a link to \/etc\/hostname.*linkFolders$/);
    const index = await tried('/folder/');
    assert.ok(index.includes('ROOT/folder/index.php: there is no such file'), index.join('\n'));
    assert.ok(index.includes('ROOT/folder/: it is a folder'), index.join('\n'));
  });

  it('asks the running service, which may have another configuration than the file, and tells what the pool does', async (t) => {
    const folder = site(t);
    const service = startPostern(t, folder, ['run'], folder);
    await service.wrote(/"msg":"running"/);
    writeFileSync(join(folder, 'postern.toml'), `[site.other]\nlisten = []\n`);
    const { status, out, err } = await postern(t, folder, ['explain', '/a.php?b', '--running'], folder);
    assert.deepEqual([status, err], [0, '']);
    assert.match(out, /^ {2}pool +php$/m);
    assert.match(out, /^ {2}now +.*none\.sock.*: 0 of \d+ busy, 0 waiting/m);
    assert.match(out, /^ {2}QUERY_STRING +b$/m);
    const elsewhere = await postern(t, folder, ['explain', 'http://localhost:1/', '--running'], folder);
    assert.equal(elsewhere.status, 78);
    assert.match(elsewhere.err, /^postern: no site listens on port 1/);
  });

  it('tells which front thread of the running service holds which lanes of the pool', async (t) => {
    const folder = site(t);
    const path = (file: string): string => fileURLToPath(new URL(`../../${file}`, import.meta.url));
    const command = [process.execPath, path('src/app/run-file.ts'), path('test/fixtures/apps/exported.ts')];
    writeFileSync(
      join(folder, 'postern.toml'),
      `[service]\nthreads = 2\n[site.main]\nlisten = "unix:${folder}/site.sock"\nroot = "public"
[[site.main.route]]\nmatch = "/run"\npool = "app"\n[pool.app]\ncommand = ${JSON.stringify(command)}\nworkers = 1\nminWorkers = 1\nallowRoot = true\n`,
    );
    const service = startPostern(t, folder, ['run'], folder);
    await service.wrote(/"msg":"running"/);
    const answered = await new Promise<number | undefined>((resolve, reject) => {
      const sent = request({ socketPath: join(folder, 'site.sock'), path: '/run' }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
      });
      sent.on('error', reject).end();
    });
    assert.equal(answered, 200);
    const { out, err } = await postern(t, folder, ['explain', '/run', '--running'], folder);
    assert.equal(err, '');
    assert.match(out, /^ {2}now +ready: 0 of 1 busy, 0 waiting; thread 1 holds lane 0$/m);
  });

  it('finds the site as a listener does: by port, scheme and name; also where a service has found its ports itself', async (t) => {
    const folder = temporaryFolder(t);
    const config = (http: string, https: string): string =>
      `[site.a]\nlisten = ["${http}", "${https}"]\nhost = ["a.example", "*.a.example"]\ntls = { certificate = "cert.pem", key = "cert.key" }\n` +
      `[site.b]\nlisten = ["${http}", "${https}"]\nhost = "b.example"\nredirect = "https://a.example"\ntls = { certificate = "cert.pem", key = "cert.key" }\n` +
      `[site.c]\nlisten = "127.0.0.1:18082"\nroot = "c"\n[site.d]\nlisten = "127.0.0.1:0"\nroot = "d"\n`;
    writeCertificate(folder, 'cert', await testCertificate(['a.example']));
    for (const name of ['c', 'd']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'postern.toml'), config('127.0.0.1:18080', 'https://127.0.0.1:18443'));
    const of = async (url: string, ...more: string[]): Promise<Partial<Explanation>> =>
      JSON.parse((await postern(t, folder, ['explain', url, '--json', ...more], folder)).out) as Explanation;
    for (const [url, site, error] of [
      ['http://a.example:18080/', 'a', 'NOT_FOUND'],
      ['http://www.a.example:18080/', 'a', 'NOT_FOUND'],
      ['http://b.example:18080/x', 'b', null],
      ['https://b.example:18443/x', 'b', null],
      ['http://other.example:18080/', null, 'MISDIRECTED'],
      ['http://other.example:18082/', 'c', 'NOT_FOUND'],
      // A proxy has these ports.
      ['https://www.a.example/', 'a', 'NOT_FOUND'],
    ] as const) {
      const { site: found, error: code } = await of(url);
      assert.deepEqual([found, code], [site, error], url);
    }
    const wrong = await postern(t, folder, ['explain', 'http://a.example:18443/'], folder);
    assert.match(wrong.err, /port 18443 is for https: write https:\/\//);

    const service = startPostern(t, folder, ['run'], folder);
    const [line] = await service.wrote(/^.*"msg":"running".*$/m);
    const url = /http:\/\/127\.0\.0\.1:(?!18082)\d+\//.exec(line)![0];
    assert.equal((await of(url, '--running')).site, 'd');
    assert.equal((await of('http://b.example:18080/', '--running')).location, 'https://a.example/');
  });

  it('has the words that the log has for the same request', async (t) => {
    const folder = site(t);
    const { out } = await postern(t, folder, ['explain', '/page', '--json'], folder);
    const { why } = JSON.parse(out) as Explanation;
    const service = startPostern(t, folder, ['run'], folder);
    await service.wrote(/"msg":"running"/);
    const { status } = await ask(join(folder, 'site.sock'), '/page');
    assert.equal(status, 404);
    const [line] = await service.wrote(/^.*"status":404.*$/m);
    assert.equal((JSON.parse(line) as { why: string }).why, `/page: ${why}`);
    assert.equal((await ask(join(folder, 'site.sock'), '/a.php')).status, 502);
    const [lost] = await service.wrote(/^.*"status":502.*$/m);
    assert.match((JSON.parse(lost) as { why: string }).why, /none\.sock/);
  });
});

async function ask(socketPath: string, path: string): Promise<{ status: number }> {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, headers: { host: 'localhost' } }, (response) => {
      response.resume().on('end', () => resolve({ status: response.statusCode! }));
    });
    asked.on('error', reject).end();
  });
}
