// Certificates by themselves for a service that root has started: the store is the one's who serves, and root holds no key of it.

import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Users } from '../../../src/worker/user.ts';
import { launcherMissing, openFolder, readableCheckout, serviceOf } from '../../support/launched.ts';
import { noPebble, startPebble } from '../../support/pebble.ts';
import { startPostern } from '../../support/postern-process.ts';
import { freePort } from '../../support/server-process.ts';
import { askByTls } from '../../support/tls-client.ts';
import { until } from '../../support/until.ts';

describe('certificates of a service that root has started', { skip: launcherMissing || (noPebble ?? false) }, () => {
  it('are kept in a folder of the one who serves, made where he could make none; one that is started again finds them', async (t) => {
    const pebble = await startPebble(t);
    const folder = openFolder(t);
    const port = await freePort();
    writeFileSync(join(folder, 'public', 'index.html'), 'the page');
    // Root alone may read it.
    copyFileSync(pebble.ca, join(folder, 'ca.pem'));
    chmodSync(join(folder, 'ca.pem'), 0o600);
    const config = join(folder, 'postern.toml');
    writeFileSync(
      config,
      `[acme]\ndirectory = "${pebble.directory}"\nca = "ca.pem"\nstore = "state/certificates"\n` +
        `[site.main]\nhost = "a.example.org"\ntls = "auto"\nroot = "public"\n` +
        `listen = ["https://127.0.0.1:${port}", "127.0.0.1:${pebble.httpPort}"]\n`,
    );
    const { root, node } = readableCheckout();
    const program = [node, join(root, 'bin/postern.js')];
    const args = ['run', '-c', config, '--user', 'www-data'];
    const launcher = startPostern(t, join(folder, 'run'), args, folder, [], program);
    await launcher.wrote(/a certificate was obtained/);
    const account = new Users().accountOf('www-data')!;
    const store = join(folder, 'state', 'certificates');
    for (const path of [store, ...readdirSync(store, { recursive: true }).map((name) => join(store, String(name)))]) {
      const status = statSync(path);
      assert.deepEqual([status.uid, status.mode & 0o077], [Number(account.id), 0], path);
    }
    assert.equal(statSync(join(store, '..')).uid, 0);
    const options = { ca: await pebble.root() };
    const ask = () => askByTls(port, { name: 'a.example.org', options });
    // The certificate reaches a thread a moment after the log.
    await until(async () => (await ask()).text === 'the page');
    const { fingerprint } = await ask();
    const first = serviceOf(launcher.pid);
    process.kill(first, 'SIGKILL');
    await until(() => ![0, first].includes(serviceOf(launcher.pid)), 'there is another');
    await until(async () => (await ask()).fingerprint === fingerprint);
    assert.equal(launcher.output().match(/a certificate is ordered/g)?.length, 1);
  });
});
