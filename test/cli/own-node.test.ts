import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';

const entry = new URL('../../bin/postern.js', import.meta.url).pathname;
const systemNodes = ['/usr/bin/node', '/usr/local/bin/node'];

describe('the command under a Node that is too old', () => {
  it("runs with the checkout's own Node, and ends with its status", (t) => {
    const old = systemNodes.filter((path) => existsSync(path)).find((path) => majorOf(path) < 22);
    if (old === undefined) {
      t.skip(`no Node below 22 is at ${systemNodes.join(' or ')}`);
      return;
    }
    const version = spawnSync(old, [entry, '--version'], { encoding: 'utf8' });
    assert.deepEqual([version.status, version.stderr], [0, '']);
    assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
    const wrong = spawnSync(old, [entry, 'serve', '--nonsense'], { encoding: 'utf8' });
    assert.equal(wrong.status, 2);
  });
});

function majorOf(path: string): number {
  return Number(/^v(\d+)/.exec(execFileSync(path, ['--version'], { encoding: 'utf8' }))?.[1] ?? 0);
}
