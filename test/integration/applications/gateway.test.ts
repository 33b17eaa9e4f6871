// The service before real FastCGI applications: spawned by its pools, and PHP-FPM, to which it connects.

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { formatAddress } from '../../../src/connection/address.ts';
import { applicationFile, spawnedApplications } from '../../support/applications.ts';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { startPhpFpm } from '../../support/php-cgi.ts';
import { type RunningPostern, startPostern } from '../../support/postern.ts';
import { freePort } from '../../support/server-process.ts';
import { until } from '../../support/until.ts';

interface Served {
  /** Of the pool. */
  readonly name: string;
  readonly title: string;
  readonly lacks: string | null;
  /** What runs it, as lines of [pool.NAME]. */
  pool(folder: string): string | Promise<string>;
  readonly match: string;
  readonly path: string;
  /** What the log says when it died within an answer. */
  readonly death: RegExp;
}

const steps: (() => unknown)[] = [];
const t = { after: (step?: unknown) => void steps.push(step as () => unknown) };
const ownProcess = /process \d+ ended \(SIGKILL\) while it ran GET \S+\?die/;

const phpCgi = findProgram('php-cgi');
const phpFpm = findProgram('php-fpm8.2') ?? findProgram('php-fpm');

const served: Served[] = [
  ...spawnedApplications.map((application) => ({
    ...application,
    pool: (folder: string) =>
      `command = ${JSON.stringify(application.command(folder))}\n${application.keeps ? '' : 'reuse = "never"\n'}`,
    match: `/${application.name}/*`,
    path: `/${application.name}/`,
    death: ownProcess,
  })),
  {
    name: 'app',
    title: 'an application of postern/app, by app = "FILE"',
    lacks: null,
    pool: () => `app = ${JSON.stringify(applicationFile('responder.ts'))}\n`,
    match: '/app/*',
    path: '/app/',
    death: ownProcess,
  },
  {
    name: 'phpcgi',
    title: 'php-cgi, as any other program',
    lacks: phpCgi === null ? 'php-cgi is not installed' : null,
    pool: () => `command = ["${phpCgi}", "-d", "cgi.fix_pathinfo=0"]\nreuse = "bodiless"\n`,
    match: '*.phtml',
    path: '/responder.phtml',
    death: ownProcess,
  },
  {
    name: 'phpfpm',
    title: 'PHP-FPM, connected to',
    lacks: phpFpm === null ? 'PHP-FPM is not installed' : null,
    async pool(folder) {
      const address = await startPhpFpm(t, phpFpm!, folder, 4);
      return `connect = "${formatAddress(address)}"\n`;
    },
    match: '*.php',
    path: '/responder.php',
    death: /\?die.*the connection to unix:\S+ broke/,
  },
];

describe('the service before real applications', () => {
  let postern: RunningPostern;

  before(async () => {
    const folder = temporaryFolder(t);
    const root = join(folder, 'root');
    mkdirSync(root);
    copyFileSync(applicationFile('responder.php'), join(root, 'responder.php'));
    copyFileSync(applicationFile('responder.php'), join(root, 'responder.phtml'));
    const [port, adminPort] = [await freePort(), await freePort()];
    let config = `[admin]\nlisten = "127.0.0.1:${adminPort}"\n[site.main]\nlisten = "127.0.0.1:${port}"\nroot = "root"\n`;
    for (const { name, match, lacks, pool } of served) {
      if (lacks !== null) continue;
      config += `[[site.main.route]]\nmatch = "${match}"\npool = "${name}"\n`;
      config += `[pool.${name}]\n${await pool(folder)}workers = 3\n`;
    }
    writeFileSync(join(folder, 'postern.toml'), config);
    const addresses = { base: `http://127.0.0.1:${port}`, admin: `http://127.0.0.1:${adminPort}` };
    postern = await startPostern(t as never, ['run', '--allow-root', '-c', join(folder, 'postern.toml')], addresses);
  });
  after(async () => {
    for (const step of steps.reverse()) await step();
  });

  const ask = (path: string, init?: RequestInit): Promise<Response> => fetch(`${postern.base}${path}`, init);
  const logged = async (...patterns: RegExp[]): Promise<void> => {
    const hasLine = (): boolean =>
      postern
        .output()
        .split('\n')
        .some((line) => patterns.every((pattern) => pattern.test(line)));
    await until(hasLine, () => `a line of the log with ${patterns.join(' and ')}`);
  };

  for (const { name, title, lacks, path, death } of served) {
    describe(title, { skip: lacks ?? false }, () => {
      it('answers one request after another', async () => {
        for (let count = 0; count < 5; count += 1) {
          const answer = await ask(`${path}?hello`);
          assert.equal(answer.status, 200);
          assert.equal(await answer.text(), 'hello of GET');
        }
      });

      it('gets 100 KB of body and gives them back', async () => {
        const body = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
        const answer = await ask(`${path}?echo`, {
          method: 'POST',
          body,
          headers: { 'content-type': 'application/octet-stream' },
        });
        assert.ok(body.equals(Buffer.from(await answer.arrayBuffer())));
      });

      it('answers with 1 MB', async () => {
        assert.ok((await (await ask(`${path}?big`)).text()) === 'x'.repeat(1_000_000));
      });

      it('has what it tells on STDERR in the log', async () => {
        assert.equal(await (await ask(`${path}?tell`)).text(), 'tell of GET');
        await logged(new RegExp(`"pool":"${name}"`), /told by the application/);
      });

      it('answers 20 requests at a time', async () => {
        const texts = await Promise.all(
          Array.from({ length: 20 }, async () => (await ask(`${path}?hello`, { method: 'POST', body: 'x' })).text()),
        );
        assert.deepEqual(texts, Array(20).fill('hello of POST'));
      });

      it('dies within an answer, which is broken off; the log names it, and the next request is answered', async () => {
        await assert.rejects(async () => (await ask(`${path}?die`)).text());
        await logged(new RegExp(`"pool":"${name}"`), death);
        assert.equal(await (await ask(`${path}?hello`)).text(), 'hello of GET');
      });
    });
  }
});
