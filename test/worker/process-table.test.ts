// What the system says of a process, read without leaving anything behind.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { it, suite } from 'node:test';
import { readProcessStat } from '../../src/worker/process-table.ts';

suite('readProcessStat()', { skip: existsSync('/proc/self/stat') ? false : 'there is no /proc here' }, () => {
  it('tells the parent of a process, and null of one that there is not', () => {
    assert.equal(readProcessStat(process.pid)?.parent, process.ppid);
    assert.equal(readProcessStat(2 ** 30), null);
  });

  it('takes no memory from the blocks that buffers of requests are cut from', (t) => {
    readProcessStat(process.pid);
    const taken = t.mock.method(Buffer, 'allocUnsafe');
    for (let count = 0; count < 100; count += 1) assert.equal(readProcessStat(process.pid)?.isZombie, false);
    assert.equal(taken.mock.callCount(), 0);
  });
});
