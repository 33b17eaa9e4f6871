// Whether a process can become the one who serves, found by one that does it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Trial, tryToBecome, withoutRights } from '../../src/launcher/becoming.ts';
import { Users } from '../../src/worker/user.ts';
import { launcherMissing, openFolder, readableCheckout } from '../support/launched.ts';

const nobody = new Users().accountOf('nobody')!;

/** The same, asked by a root that lacks capabilities. */
function triedWithout(capabilities: string): Trial {
  const { root, node } = readableCheckout();
  const script = `
    import { tryToBecome } from '${join(root, 'src/launcher/becoming.ts')}';
    console.log(JSON.stringify(await tryToBecome(${JSON.stringify(nobody)}, ['/'])));`;
  const dropped = ['--bounding-set', capabilities, '--inh-caps', capabilities, '--'];
  return JSON.parse(String(execFileSync('setpriv', [...dropped, node, '--input-type=module', '-e', script])));
}

describe('tryToBecome()', { skip: launcherMissing }, () => {
  it('finds what makes a process that of an account', async (t) => {
    const folder = openFolder(t);
    const { execPath } = process;
    process.execPath = readableCheckout().node;
    t.after(() => {
      process.execPath = execPath;
    });
    const trial = await tryToBecome(nobody, [folder]);
    assert.ok('becoming' in trial, JSON.stringify(trial));
    const [program, ...args] = withoutRights(trial.becoming, 'TERM');
    const status = String(execFileSync(program!, [...args, 'cat', '/proc/self/status']));
    assert.match(status, new RegExp(`^Uid:\\t${nobody.id}\\t${nobody.id}\\t${nobody.id}\\t`, 'm'));
    assert.match(status, /^NoNewPrivs:\t1$/m);
    for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb']) assert.match(status, new RegExp(`^Cap${set}:\\t0+$`, 'm'));
  });

  it('says which path the account cannot read', async (t) => {
    const folder = openFolder(t);
    const { execPath } = process;
    process.execPath = readableCheckout().node;
    t.after(() => {
      process.execPath = execPath;
    });
    const file = join(folder, 'key.pem');
    writeFileSync(file, '', { mode: 0o600 });
    const closed = join(folder, 'closed');
    mkdirSync(closed);
    // Its names can be read, and nothing in it.
    chmodSync(closed, 0o744);
    for (const path of [file, closed, join(folder, 'missing')]) {
      const trial = await tryToBecome(nobody, [folder, path, '/']);
      assert.equal('why' in trial && trial.why, `cannot read ${path}`);
    }
  });

  it('works where CAP_SETPCAP is kept from root', () => {
    const trial = triedWithout('-setpcap');
    assert.ok('becoming' in trial, JSON.stringify(trial));
  });

  it('says that a root without CAP_SETUID becomes nobody', () => {
    const trial = triedWithout('-setuid,-setgid');
    assert.deepEqual(trial, {
      why: 'is nobody that this process can become',
      mend: 'give it CAP_SETUID and CAP_SETGID',
    });
  });
});
