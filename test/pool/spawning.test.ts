// What a pool starts, from its plain data.

import assert from 'node:assert/strict';
import test from 'node:test';
import { Scoreboard } from '../../src/leases/scoreboard.ts';
import type { PoolLimits } from '../../src/pool/pool-state.ts';
import { type Effect, newPoolState, type PoolState } from '../../src/pool/pool-state.ts';
import { govern, start, wantedWorkers } from '../../src/pool/spawning.ts';
import { step } from '../../src/pool/step.ts';
import { defaultLimits } from '../support/pool-limits.ts';
import { plainProgram } from '../support/programs.ts';

interface Given {
  readonly limits?: Partial<PoolLimits>;
  readonly lanesPerWorker?: number;
  /** Workers that were started before. */
  readonly workers?: number;
  readonly waiting?: number;
}

function pool({ limits = {}, lanesPerWorker = 1, workers = 0, waiting = 0 }: Given): PoolState {
  const program = plainProgram({ lanesPerWorker });
  const state = newPoolState('app', new Scoreboard(), program, { ...defaultLimits, minWorkers: 0, ...limits });
  state.phase = 'open';
  for (let count = 0; count < workers; count += 1)
    start({ state, nowMs: 0, effects: [], isFreed: false }, state.generation);
  for (const lane of state.lanes) if (lane) state.generation.startingLanes -= 1;
  state.waiting = waiting;
  return state;
}

function decided(state: PoolState, nowMs = 0, refused = 0): Effect[] {
  const effects: Effect[] = [];
  govern({ state, nowMs, effects, isFreed: false }, refused);
  return effects;
}

const started = (effects: readonly Effect[]): number => effects.filter(({ type }) => type === 'start').length;

const table: readonly [title: string, given: Given, expected: number][] = [
  ['nothing when nobody waits', {}, 0],
  ['minWorkers without traffic', { limits: { minWorkers: 3 }, workers: 1 }, 2],
  ['one for each who waits', { waiting: 3 }, 3],
  ['no more than the limit of lanes', { waiting: 30, workers: 6 }, 2],
  ['nothing at the limit', { waiting: 5, workers: 8 }, 0],
  ['one preforking worker for many', { waiting: 5, lanesPerWorker: 8 }, 1],
  ['one worker even where it has more lanes than the limit', { waiting: 1, lanesPerWorker: 20 }, 1],
  ['no second preforking worker above the limit', { waiting: 5, lanesPerWorker: 8, workers: 1 }, 0],
  ['the first of a generation, whatever the score', { waiting: 64, limits: { workers: 64 } }, 64],
];

for (const [title, given, expected] of table) {
  test(`a pool starts ${title}`, () => assert.equal(started(decided(pool(given))), expected));
}

test('a request that was refused for want of a lane starts one all the same', () => {
  assert.equal(started(decided(pool({}), 0, 1)), 1);
});

test('after a bad end the score says how many, and the rest sets a wake-up', () => {
  const state = pool({ waiting: 20, limits: { workers: 20, spawnScoreUpLimit: 4 } });
  state.generation.score.ended('killed', 'SIGSEGV', 0);
  const effects = decided(state);
  assert.equal(started(effects), 3);
  assert.ok(wantedWorkers(state) > 0);
  const [wake] = effects.filter(({ type }) => type === 'wake');
  assert.deepEqual(wake, { type: 'wake', atMs: state.wakeAtMs });
  assert.ok(state.wakeAtMs! > 0);
});

test('where there is no lane and none may be started soon, those who wait are answered', () => {
  const state = pool({ waiting: 1 });
  for (let count = 0; count < 3; count += 1) state.generation.score.ended('failed', 'exit 1', 0);
  assert.deepEqual(
    decided(state).map(({ type }) => type),
    ['wake', 'tell', 'refuse'],
  );
  assert.equal(state.health, 'refusing');
});

test('a hold that ends soon is waited for', () => {
  const state = pool({ waiting: 1 });
  state.shortUntilMs = 500;
  assert.deepEqual(decided(state), [{ type: 'wake', atMs: 500 }]);
});

test('a program whose last start failed is started one at a time', () => {
  const state = pool({ waiting: 5 });
  state.generation.score.ended('failed', 'exit 1', 0);
  assert.equal(started(decided(state)), 1);
  assert.equal(wantedWorkers(state), 0);
});

test('a wake-up that came early is set again', () => {
  const state = pool({ waiting: 1 });
  state.shortUntilMs = 500;
  decided(state);
  assert.deepEqual(step(state, { type: 'woke' }, 499), [{ type: 'wake', atMs: 500 }]);
});
