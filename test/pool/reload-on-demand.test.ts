// A reload of a pool on demand: whether a worker is started only to find out if its program can be.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Pool } from '../../src/pool/pool.ts';
import { cgiRequest } from '../support/cgi-request.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeWorkers } from '../support/fake-worker.ts';
import { verify } from '../support/pool-invariants.ts';
import { defaultLimits } from '../support/pool-limits.ts';
import { plainProgram } from '../support/programs.ts';
import { RecordingSink } from '../support/recording-sink.ts';

const program = plainProgram();

async function onDemand() {
  const clock = new FakeClock();
  const fakes = new FakeWorkers(clock);
  const limits = { ...defaultLimits, workers: 4, minWorkers: 0 };
  const pool = new Pool({ program, limits, directory: '/nowhere', clock, makeWorker: fakes.make });
  await pool.start();
  const check = (): void => verify(pool.state, pool.queue.counters.snapshot());
  const ask = () => pool.queue.run(cgiRequest(), new RecordingSink());
  return { fakes, pool, ask, check, reload: (isTried: boolean) => pool.reload(program, limits, isTried) };
}

test('a program that was not tried yet is started once at a reload, though nobody asks', async () => {
  const { fakes, pool, check, reload } = await onDemand();
  const reloaded = reload(false);
  await Promise.resolve();
  check();
  assert.equal(fakes.workers.length, 1);
  fakes.readyAll();
  await reloaded;
  assert.equal(pool.snapshot().generation, 2);
  check();
});

test('one that is known to start is not: the next generation takes over with nothing, and starts when it is asked', async () => {
  const { fakes, pool, ask, check, reload } = await onDemand();
  await reload(true);
  check();
  assert.deepEqual([pool.snapshot().generation, fakes.workers.length], [2, 0]);
  const asked = ask();
  check();
  fakes.readyAll();
  check();
  assert.deepEqual([asked.state, fakes.workers.length], ['running', 1]);
});

test('what runs is replaced all the same', async () => {
  const { fakes, pool, ask, check, reload } = await onDemand();
  const asked = ask();
  fakes.readyAll();
  const reloaded = reload(true);
  await Promise.resolve();
  assert.deepEqual([fakes.workers.length, pool.snapshot().generation], [2, 1], 'beside the old one');
  fakes.readyAll();
  await reloaded;
  check();
  assert.deepEqual([asked.state, pool.snapshot().generation], ['running', 2]);
});
