import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runShortly } from '../../src/worker/short-run.ts';

describe('runShortly()', () => {
  it('gives what a program says of what it reads, and how it ended', async () => {
    const said = await runShortly(['/bin/sh', '-c', 'cat; echo trouble >&2; exit 3'], { input: 'text' });
    assert.deepEqual([said.stdout, said.stderr, said.error?.code, said.isLate], ['text', 'trouble\n', 3, false]);
    const missing = await runShortly(['/nowhere/program']);
    assert.deepEqual([missing.error?.code, missing.isLate], ['ENOENT', false]);
  });

  it('ends one that does not answer, though what it has started lives', async () => {
    const { isLate, error } = await runShortly(['/bin/sh', '-c', 'sleep 5 & wait'], { limitMs: 50 });
    assert.deepEqual([isLate, error?.signal], [true, 'SIGKILL']);
  });

  it('takes an answer that came in time, though this process had no time to look', async () => {
    const running = runShortly(['/bin/echo', 'here'], { limitMs: 50 });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
    const { stdout, isLate } = await running;
    assert.deepEqual([stdout, isLate], ['here\n', false]);
  });
});
