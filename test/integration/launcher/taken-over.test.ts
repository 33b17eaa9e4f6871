// A service that was taken over gets nothing of the launcher but what the configuration names.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { HeldSockets } from '../../../src/launcher/held-sockets.ts';
import type { LaunchConfig } from '../../../src/launcher/launch-options.ts';
import { Launcher } from '../../../src/launcher/launcher.ts';
import { startService } from '../../../src/launcher/service-process.ts';
import { isGone } from '../../../src/worker/process-table.ts';
import { findSetpriv, openSpawner } from '../../../src/worker/spawner.ts';
import { Users } from '../../../src/worker/user.ts';
import { launcherMissing, openFolder, readableCheckout } from '../../support/launched.ts';
import { plainProgram } from '../../support/programs.ts';
import { RecordingLog } from '../../support/recording-log.ts';

/** Runs a launcher whose service is the hostile one. @returns what that wrote, the launcher's exit status, and its log */
async function attacked(
  t: TestContext,
  attack: string,
): Promise<{ said: Record<string, unknown> | null; status: number; log: RecordingLog; decoy: number }> {
  const folder = openFolder(t);
  const script = '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"; id -u; env\n';
  for (const name of ['cgi-bin', 'uploads']) mkdirSync(join(folder, 'public', name));
  for (const path of ['evil.cgi', 'public/cgi-bin/who.cgi', 'public/uploads/evil.cgi']) {
    writeFileSync(join(folder, path), script);
    chmodSync(join(folder, path), 0o755);
  }
  symlinkSync(join(folder, 'evil.cgi'), join(folder, 'public/cgi-bin/link.cgi'));
  writeFileSync(join(folder, 'key.pem'), 'the key', { mode: 0o600 });
  const directory = join(folder, 'runtime');
  mkdirSync(directory);
  const decoy = spawn('sleep', ['60'], { stdio: 'ignore' });
  t.after(() => decoy.kill('SIGKILL'));
  const log = new RecordingLog();
  const account = new Users().accountOf('nobody')!;
  chownSync(directory, 0, Number(account.group));
  chmodSync(directory, 0o710);
  const { root, node } = readableCheckout();
  const place = { root: join(folder, 'public'), prefix: '', match: '/cgi-bin/*.cgi', linkFolders: [] };
  const rules = {
    places: [place],
    env: { PATH: '/usr/bin:/bin' },
    added: { FOO: ['one'], BAR: ['bar'] },
    user: 'www-data',
  };
  const release = (): void => {};
  const app = plainProgram({ name: 'app', command: ['/bin/sh', '-c', 'exec sleep 60'], user: 'www-data', cwd: '/' });
  const config: LaunchConfig = {
    addresses: [],
    pools: [
      { name: 'app', key: 'a', most: 4, program: app, cgi: null, plan: {}, release },
      { name: 'cgi', key: 'c', most: 4, program: null, cgi: rules, plan: {}, release },
    ],
    files: [join(folder, 'key.pem')],
    copies: 1,
    config: {},
  };
  let said = '';
  const setpriv = findSetpriv()!;
  const spawner = openSpawner(undefined, setpriv);
  t.after(() => spawner.close());
  const execPath = process.execPath;
  process.execPath = node;
  t.after(() => {
    process.execPath = execPath;
  });
  const start = {
    becoming: { account, setpriv, dropsBounds: true },
    entry: join(root, 'test/fixtures/hostile-service.ts'),
    env: { PATH: process.env.PATH ?? '' },
    cwd: '/',
    ahead: { php: [], folder: '/' },
    output: 'pipe',
  } as const;
  const sockets = new HeldSockets();
  const launcher = new Launcher({
    ...{ start, sockets, spawner, log, directory },
    takeLog: (bytes) => {
      said += bytes;
    },
    read: () => Promise.resolve(config),
    extra: { attack, decoy: decoy.pid, folder },
  });
  const status = await launcher.run(startService(start, { sockets: [], copies: 1 }), () => Promise.resolve(config));
  return { said: said === '' ? null : JSON.parse(said), status, log, decoy: decoy.pid! };
}

describe('a service that was taken over', { skip: launcherMissing }, () => {
  it('starts no other program, signals no other process, opens no other file and no other address', async (t) => {
    const { said, status, log, decoy } = await attacked(t, 'wishes');
    const { allowed, key, cgiSaid, shadow, climb, address, workerLives, ...starts } = said!;
    assert.equal(status, 0);
    assert.deepEqual([allowed, workerLives], ['spawned', true], 'what the configuration names is started');
    for (const [name, outcome] of Object.entries(starts)) {
      if (name !== 'the same again') assert.match(String(outcome), /^the launcher refuses: /, name);
    }
    assert.match(String(shadow), /does not name the file/);
    assert.match(String(climb), /does not name the file/);
    assert.equal(Buffer.from(String(key), 'base64').toString(), 'the key');
    assert.match(String(address), /does not name "0.0.0.0:81"/);
    assert.ok(!isGone(decoy), 'a process of somebody else lives');
    const lines = String(cgiSaid).split('\n');
    assert.equal(lines[2], new Users().accountOf('www-data')!.id, 'a CGI program runs as its user');
    assert.ok(lines.includes('HTTP_A=a') && lines.includes('BAR=bar') && lines.includes('PATH=/usr/bin:/bin'));
    assert.deepEqual(
      lines.filter((line) => /^(?:LD_|HTTP_PROXY|FOO)/.test(line)),
      [],
    );
    assert.ok(log.records.some(({ message }) => message.includes('asked for what the configuration does not allow')));
    // More would let it fill the disk.
    assert.ok(log.records.length < 20, `${log.records.length} lines`);
  });

  it("is not what the log tells of where a process that was met has just ended, or is another worker's", async (t) => {
    const { said, log } = await attacked(t, 'late');
    assert.deepEqual(said, { started: 'spawned' });
    assert.deepEqual(log.matching(/does not allow/), []);
  });

  it('has no more processes than the configuration gives its pools', async (t) => {
    const { said } = await attacked(t, 'many');
    assert.deepEqual(said, { started: 4 });
  });

  for (const [title, attack] of [
    ['a message that is no request', '{"do":"exec","command":["/bin/sh"]}'],
    ['a request with more in it than it has', '{"do":"ready","user":"root"}'],
    ['a signal that is none', '{"do":"signal","process":1,"signal":"SIGSTOP","to":"group"}'],
    ['the first process of all', '{"do":"signal","process":1,"signal":"SIGKILL","to":"child","pid":1}'],
    ['a process group in place of a process', '{"do":"signal","process":1,"signal":"SIGKILL","to":"child","pid":-1}'],
    ['what is not JSON', 'GET / HTTP/1.1'],
    ['a handle of Node', '{"cmd":"NODE_HANDLE","type":"net.Server","msg":{}}'],
    ['a message without an end', 'endless'],
  ] as const) {
    it(`is ended for ${title}`, async (t) => {
      const { status, log } = await attacked(t, attack);
      assert.equal(status, 1);
      assert.ok(log.records.some(({ message }) => message.startsWith('the service is ended, it does not behave: ')));
    });
  }

  it('is served late when it floods the launcher, which goes on', async (t) => {
    const { said, log } = await attacked(t, 'flood');
    assert.equal(Buffer.from(String(said!.after), 'base64').toString(), 'the key');
    assert.ok(log.records.length < 60, `${log.records.length} lines`);
  });
});
