// Memory that runs out, under a limit of the kernel: who goes, what the log says of it, and what becomes of the request.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../../support/folder.ts';
import { PhpService, phpMissing, phpPool } from '../../support/php-service.ts';
import { until } from '../../support/until.ts';

const limitBytes = 420 << 20;

/** Where control groups are made, of the second version or the first, and the file of the limit; null: nowhere. */
function place(): { readonly folder: string; readonly limit: string } | null {
  const controllers = '/sys/fs/cgroup/cgroup.subtree_control';
  if (existsSync(controllers) && readFileSync(controllers, 'latin1').includes('memory')) {
    return { folder: '/sys/fs/cgroup', limit: 'memory.max' };
  }
  const first = '/sys/fs/cgroup/memory';
  return existsSync(join(first, 'memory.limit_in_bytes')) ? { folder: first, limit: 'memory.limit_in_bytes' } : null;
}

/** A control group with a limit. @returns its folder; null: it may not be made */
function limitedGroup(): string | null {
  const where = place();
  if (where === null) return null;
  const folder = join(where.folder, `postern-test-${process.pid}`);
  try {
    mkdirSync(folder);
    writeFileSync(join(folder, where.limit), String(limitBytes));
  } catch {
    return null;
  }
  return folder;
}

function isRemoved(folder: string): boolean {
  rmdirSync(folder);
  return true;
}

const files = {
  'eats.php': '<?php ini_set("memory_limit", "-1"); $all = []; while (true) $all[] = str_repeat("x", 1 << 20);',
  'pid.php': '<?php echo getmypid();',
};

describe('memory limit reached', { skip: phpMissing }, () => {
  it('the kernel takes the worker that ate it, never the manager; the log says so; no repeat', async (t) => {
    const group = limitedGroup();
    if (group === null) return t.skip('this user may not make a control group with a limit of memory');
    const folder = temporaryFolder(t);
    const wrapper = ['/bin/sh', '-c', `echo $$ > ${group}/cgroup.procs && exec "$@"`, 'sh'];
    const service = await PhpService.start(t, { folder, files, wrapper, pool: `${phpPool}workers = 2\n` });
    // After the service has ended: hooks run in the order in which they are given.
    t.after(() => until(() => isRemoved(group), 'the group is removed'));
    const worker = Number(await service.text('pid.php'));
    const scoreOf = (pid: number): number => Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'latin1'));
    assert.ok(scoreOf(worker) > scoreOf(service.postern.pid), 'workers go first');

    const response = await service.get('eats.php?all');
    assert.equal(response.status, 502);
    const [line] = await service.logged('out of memory');
    assert.match(
      line!.msg,
      /ended \(SIGKILL, out of memory\) while it ran GET \/eats\.php\?all, .*: the request failed$/,
    );
    const { counters } = await service.pool();
    assert.equal(counters.retried, 0, 'a GET that was killed for it is not repeated');
    assert.equal(service.log('while it ran').length, 1, 'one worker went');

    assert.ok(Number(await service.text('pid.php')) > 0);
    assert.equal(service.postern.child.exitCode, null, 'the manager lives');
  });
});
