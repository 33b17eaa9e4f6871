// The processes that the bench starts: what they use can be read, and all of them can be ended.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning, processTree, treeMemory, treeUsage } from '../../../bench/macro/process-tree.ts';
import { Processes } from '../../../bench/macro/processes.ts';

suite('processes', { skip: existsSync('/proc/self/smaps_rollup') ? false : 'there is no /proc here' }, () => {
  let folder: string;
  let processes: Processes;

  beforeEach(() => {
    folder = mkdtempSync(`${tmpdir()}/postern-test-`);
    processes = new Processes();
  });

  afterEach(async () => {
    await processes.stopAll();
    rmSync(folder, { recursive: true });
  });

  const shell = (script: string): number =>
    processes.start(['/bin/sh', '-c', script], { folder, logFile: `${folder}/output.log` });

  /** The tree, once it has so many processes. */
  async function treeOf(pid: number, size: number): Promise<ReturnType<typeof processTree>> {
    for (;;) {
      const tree = processTree([pid]);
      if (tree.length === size) return tree;
      await sleep(5);
    }
  }

  test('stop() ends a process with all its descendants', async () => {
    const pid = shell('sleep 1000 & sleep 1000 & wait');
    const tree = await treeOf(pid, 3);
    await processes.stop(pid);
    assert.deepEqual(tree.filter(isRunning), []);
    assert.equal(processes.isRunning(pid), false);
  });

  test('stop() kills a descendant that does not listen to SIGTERM', async () => {
    const pid = shell('(trap "" TERM; echo ready; while :; do sleep 0.01; done) & wait');
    while (!readFileSync(`${folder}/output.log`, 'utf8').includes('ready')) await sleep(5);
    const tree = processTree([pid]).filter((entry) => entry.name === 'sh');
    assert.equal(tree.length, 2);
    await processes.stop(pid);
    assert.deepEqual(tree.filter(isRunning), []);
  });

  test('treeUsage() and treeMemory() tell what a tree has used and holds', async () => {
    const pid = shell('i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done; echo ready; sleep 1000');
    while (!readFileSync(`${folder}/output.log`, 'utf8').includes('ready')) await sleep(5);
    assert.ok(treeUsage([pid]).serverMicros > 0);
    assert.equal(treeUsage([pid]).programMicros, 0);
    assert.ok(treeMemory([pid]).serverBytes > 0);
  });
});
