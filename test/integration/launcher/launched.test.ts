// `postern run` as root: nothing with rights has a stranger's connection, and what is behind it goes on when the service dies.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { isGone, readProcessStat } from '../../../src/worker/process-table.ts';
import { Users } from '../../../src/worker/user.ts';
import {
  holdersOf,
  launcherMissing,
  openFolder,
  readableCheckout,
  rightsOf,
  serviceOf,
} from '../../support/launched.ts';
import { phpMissing } from '../../support/php-service.ts';
import { type PosternProcess, postern, startPostern } from '../../support/postern-process.ts';
import { descendants } from '../../support/process-tree.ts';
import { until } from '../../support/until.ts';

const idOf = (name: string): string => new Users().accountOf(name)!.id;
const who = '<?php echo posix_geteuid();';

/** Sites with each kind of pool, each once as somebody else than the one who serves. */
function writeSites(folder: string, threads: number): string {
  const site = join(folder, 'public');
  mkdirSync(join(site, 'cgi-bin'));
  mkdirSync(join(site, 'own'));
  for (const name of ['who.php', 'own/who.php']) writeFileSync(join(site, name), who);
  writeFileSync(join(site, 'slow.php'), '<?php usleep(200000); echo "slow";');
  writeFileSync(join(site, 'a.txt'), 'a file');
  writeFileSync(join(site, 'secret.txt'), 'for root alone', { mode: 0o600 });
  for (const name of ['own.cgi', 'other.cgi2']) {
    writeFileSync(join(site, 'cgi-bin', name), '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"; id -u; cat\n');
    chmodSync(join(site, 'cgi-bin', name), 0o755);
  }
  writeFileSync(join(folder, 'app.mjs'), 'export default { fetch: () => new Response(String(process.geteuid())) };\n');
  const config = join(folder, 'postern.toml');
  const route = (match: string, pool: string): string => `[[site.main.route]]\nmatch = "${match}"\npool = "${pool}"\n`;
  const workers =
    `${route('/own/*.php', 'own')}${route('*.php', 'php')}${route('/app', 'app')}` +
    `[pool.php]\nphp = "auto"\nuser = "nobody"\nworkers = 2\n[pool.own]\nphp = "auto"\nworkers = 1\n` +
    `[pool.app]\napp = "app.mjs"\nuser = "nobody"\n`;
  writeFileSync(
    config,
    `[service]\nthreads = ${threads}\n[admin]\nlisten = "127.0.0.1:0"\n` +
      `[site.main]\nlisten = ["127.0.0.1:0"]\nroot = "public"\n` +
      `${route('/cgi-bin/*.cgi', 'cgi')}${route('/cgi-bin/*.cgi2', 'cgi2')}${workers}` +
      `[pool.cgi]\ncgi = true\n[pool.cgi2]\ncgi = true\nuser = "nobody"\n`,
  );
  return config;
}

interface Launched {
  readonly folder: string;
  readonly config: string;
  readonly launcher: PosternProcess;
  readonly url: string;
  readonly port: number;
}

async function start(t: Pick<TestContext, 'after'>, threads = 1): Promise<Launched> {
  const folder = openFolder(t);
  const config = writeSites(folder, threads);
  const { root, node } = readableCheckout();
  const program = [node, join(root, 'bin/postern.js')];
  const launcher = startPostern(
    t,
    join(folder, 'run'),
    ['run', '-c', config, '--user', 'www-data'],
    folder,
    [],
    program,
  );
  await launcher.wrote(/"msg":"running"/);
  const [, url] = await launcher.wrote(/"url":"(http:[^"]+)"/);
  return { folder, config, launcher, url: url!, port: Number(new URL(url!).port) };
}

const text = async (url: string, init?: RequestInit): Promise<string> =>
  (await (await fetch(url, { signal: AbortSignal.timeout(60_000), ...init })).text()).trim();

/** Who has a connection to the port from outside, while one is open. */
async function holders(port: number): Promise<number[]> {
  const client: Socket = connect(port, '127.0.0.1');
  await once(client, 'connect');
  client.write('GET /a.txt HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(client, 'data');
  try {
    return holdersOf(port, client.localPort!).filter((pid) => pid !== process.pid);
  } finally {
    client.destroy();
  }
}

async function assertNoRights({ launcher, port }: Launched): Promise<void> {
  const found = await holders(port);
  assert.ok(found.length > 0, 'somebody has the connection');
  assert.ok(!found.includes(launcher.pid), 'the launcher has no connection');
  for (const pid of found) {
    const { uids, capabilities } = rightsOf(pid);
    assert.deepEqual([...new Set(uids)], [idOf('www-data')]);
    assert.equal(capabilities, 0n);
  }
}

for (const threads of [1, 2]) {
  describe(`a service that root has started, with ${threads} front thread(s)`, {
    skip: launcherMissing || phpMissing,
  }, () => {
    const cleanups: (() => unknown)[] = [];
    let launched: Launched;
    /** Run by somebody else than the one who serves. */
    const other = 'who.php';
    const slow = 'slow.php';

    before(async () => {
      launched = await start(
        { after: (cleanup) => void cleanups.push(cleanup as () => unknown) } as TestContext,
        threads,
      );
    });
    after(async () => {
      for (const cleanup of cleanups.toReversed()) await cleanup();
    });

    it('runs each pool as its user, and as the one who serves where none is named', async () => {
      const { url } = launched;
      assert.equal(await text(`${url}who.php`), idOf('nobody'));
      assert.equal(await text(`${url}own/who.php`), idOf('www-data'));
      assert.equal(await text(`${url}app`), idOf('nobody'));
      assert.equal(await text(`${url}cgi-bin/own.cgi`, { method: 'POST', body: 'x' }), `${idOf('www-data')}\nx`);
      assert.equal(await text(`${url}cgi-bin/other.cgi2`, { method: 'POST', body: 'x' }), `${idOf('nobody')}\nx`);
    });

    it('reads files with the rights of the one who serves, and explain says of one that it cannot', async (t) => {
      assert.equal(await text(`${launched.url}a.txt`), 'a file');
      assert.ok([403, 404].includes((await fetch(`${launched.url}secret.txt`)).status));
      const { folder } = launched;
      const ask = (path: string) => postern(t, join(folder, 'run'), ['explain', '--running', path], folder);
      assert.equal((await ask('/a.txt')).status, 0);
      const { status, out } = await ask('/secret.txt');
      assert.match(out, /but +the user of this service cannot read .*secret\.txt/);
      assert.equal(status, 1);
    });

    it("has no client's connection in a process of root, or with a capability", () => assertNoRights(launched));

    it('is so after a reload, which opens addresses and changes pools', async () => {
      const { folder, config, launcher, url } = launched;
      writeFileSync(
        config,
        `${readFileSync(config, 'utf8').replace('listen = ["127.0.0.1:0"]', 'listen = ["127.0.0.1:0", "127.0.0.1:82", "unix:s.sock"]')}[pool.new]\nphp = "auto"\nuser = "nobody"\n`,
      );
      process.kill(launcher.pid, 'SIGHUP');
      await launcher.wrote(/"msg":"reloaded: [^"]*listening on 127.0.0.1:82/);
      assert.equal(await text('http://127.0.0.1:82/cgi-bin/other.cgi2'), idOf('nobody'));
      assert.equal(await overSocket(join(folder, 's.sock'), '/a.txt'), 'a file');
      assert.equal(await text(`${url}${other}`), idOf('nobody'));
      await assertNoRights(launched);
      await assertNoRights({ ...launched, port: 82 });
      writeFileSync(config, readFileSync(config, 'utf8').replace(', "127.0.0.1:82"', ''));
      process.kill(launcher.pid, 'SIGHUP');
      await launcher.wrote(/"msg":"reloaded: [^"]*no longer on 127.0.0.1:82/);
      await assert.rejects(fetch('http://127.0.0.1:82/a.txt'), 'nobody listens there any more');
    });

    it('starts other processes of another user in the place of those that have ended, after a reload that has not changed them', async () => {
      const { folder, launcher, url } = launched;
      writeFileSync(join(folder, 'public', 'parent.php'), '<?php echo posix_getppid();');
      process.kill(launcher.pid, 'SIGHUP');
      await launcher.wrote(/"msg":"reloaded: nothing had changed/);
      const parent = Number(await text(`${url}parent.php`));
      process.kill(parent, 'SIGKILL');
      await until(() => isGone(parent), 'it has ended');
      assert.equal(await text(`${url}${other}`), idOf('nobody'));
      assert.notEqual(await text(`${url}parent.php`), String(parent));
    });

    it('is as it was when the configuration cannot be read', async () => {
      const { config, launcher, url } = launched;
      const sound = readFileSync(config, 'utf8');
      writeFileSync(config, `${sound}[pool.bad]\nworkrs = 1\n`);
      process.kill(launcher.pid, 'SIGHUP');
      await launcher.wrote(/not reloaded, the service goes on as it was: .*workrs/);
      assert.equal(await text(`${url}${other}`), idOf('nobody'));
      writeFileSync(config, sound);
    });

    it('has kept its compiled code before anything can kill it: the next start is sooner there', async () => {
      const cache = join(launched.folder, `run-${idOf('www-data')}`, 'cache/postern');
      const isFile = (name: string): boolean => statSync(join(cache, name)).isFile();
      await until(() => existsSync(cache) && readdirSync(cache, { encoding: 'utf8', recursive: true }).some(isFile));
    });

    it('is started again when it is killed under load, and no connection is refused', async () => {
      const { launcher, url } = launched;
      const first = serviceOf(launcher.pid);
      // The launcher's own guard lives as long as that.
      const programs = descendants(launcher.pid).filter((pid) => !(isGuard(pid) && parentOf(pid) === launcher.pid));
      const outcomes: string[] = [];
      let isOver = false;
      const clients = Array.from({ length: 8 }, async (_, index) => {
        while (!isOver) outcomes.push(await outcomeOf(`${url}${index % 2 === 0 ? 'a.txt' : slow}`));
      });
      await until(() => outcomes.length > 20);
      process.kill(first, 'SIGKILL');
      await until(() => ![0, first].includes(serviceOf(launcher.pid)), 'there is another');
      const since = outcomes.length;
      await until(() => outcomes.slice(since).filter((one) => one === '200').length > 20, 'it serves');
      isOver = true;
      await Promise.all(clients);
      // What was cut ran in the one that was killed; what came after it waited.
      assert.deepEqual(
        outcomes.filter((one) => one !== '200' && one !== 'cut'),
        [],
        outcomes.join(' '),
      );
      assert.match(
        launcher.output(),
        /the service has ended \(SIGKILL\): it is started again at once; connections wait/,
      );
      await assertNoRights(launched);
      await until(() => programs.every(isGone), 'what ran for the first has ended');
      assert.equal(await text(`${url}${other}`), idOf('nobody'));
      assert.equal(await text(`${url}cgi-bin/other.cgi2`, { method: 'POST', body: '' }), idOf('nobody'));
    });

    it('ends with the launcher, and so does all that either has started', async () => {
      const { launcher } = launched;
      await text(`${launched.url}${other}`);
      const all = descendants(launcher.pid);
      assert.ok(all.length >= 5, `${all.length} processes`);
      process.kill(launcher.pid, 'SIGKILL');
      await until(() => all.every(isGone), 'nothing is left');
    });
  });
}

function isGuard(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('postern-guard');
  } catch {
    return false;
  }
}

const parentOf = (pid: number): number => readProcessStat(pid)?.parent ?? 0;

describe('the end of a launcher', { skip: launcherMissing || phpMissing }, () => {
  it('ends in peace with exit status 0 on SIGTERM, and leaves nothing', async (t) => {
    const { launcher, url } = await start(t);
    await text(`${url}who.php`);
    const all = descendants(launcher.pid);
    process.kill(launcher.pid, 'SIGTERM');
    assert.equal((await launcher.ended()).status, 0);
    assert.ok(all.every(isGone));
    assert.match(launcher.output(), /"msg":"ended"/);
  });

  it('is refused a configuration that the one who serves could change', async (t) => {
    const folder = openFolder(t);
    const config = writeSites(folder, 1);
    chmodSync(config, 0o666);
    const { root, node } = readableCheckout();
    const args = ['run', '-c', config, '--user', 'www-data'];
    const { status, err } = await startPostern(
      t,
      join(folder, 'run'),
      args,
      folder,
      [],
      [node, join(root, 'bin/postern.js')],
    ).ended();
    assert.equal(status, 78);
    assert.match(err, /postern\.toml can be changed by www-data, who serves, .*: chown it to root, or chmod go-w/);
  });
});

/** "200", or how it failed: "cut" for an answer that did not come to its end. */
function outcomeOf(url: string): Promise<string> {
  return new Promise((resolve) => {
    const asked = request(url, { agent: false }, (answer) => {
      answer.resume();
      answer.once('end', () => resolve(String(answer.statusCode)));
      answer.once('error', () => resolve('cut'));
    });
    asked.once('error', ({ code, message }: NodeJS.ErrnoException) =>
      resolve(code === 'ECONNRESET' || message === 'socket hang up' ? 'cut' : (code ?? message)),
    );
    asked.end();
  });
}

function overSocket(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, headers: { host: 'localhost' }, agent: false }, (answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (piece: string) => {
        body += piece;
      });
      answer.once('end', () => resolve(body));
    });
    asked.once('error', reject);
    asked.end();
  });
}
