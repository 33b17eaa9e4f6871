// The invariants of `pool.ts`, as assertions: called after each step of every test of a pool.

import type { LaneState } from '../worker/state.ts';
import type { Generation } from './generation.ts';
import type { Ledger } from './ledger.ts';
import type { Pool } from './pool.ts';
import type { Roster } from './roster.ts';
import type { Scoreboard } from './scoreboard.ts';

/** What is looked at of a pool. */
export interface PoolInner {
  readonly board: Scoreboard;
  readonly roster: Roster;
  readonly ledger: Ledger;
  readonly current: Generation;
  readonly isClosing: boolean;
  /** When the governor decides again; null: nothing is held back. */
  readonly heldUntilMs: number | null;
}

/** @throws when an invariant does not hold, with its name and the values */
export function verify(pool: Pool): void {
  const inner = pool.inner;
  verifyLanes(inner);
  verifyCrews(inner);
  verifyAccounting(inner);
  verifySafety(inner);
  verifyProgress(inner);
}

function verifyLanes({ board, roster, ledger }: PoolInner): void {
  const counted: Record<LaneState, number> = { gone: 0, starting: 0, idle: 0, busy: 0, draining: 0, stopping: 0 };
  const idle = new Set(roster.lanes.idle);
  hold('one place', idle.size === roster.lanes.idle.length, 'a lane is in the list of free lanes twice');
  for (let slot = 0; slot < board.slots; slot += 1) {
    const state = board.state(slot);
    counted[state] += 1;
    const lane = roster.lanes.lane(slot);
    const isRunning = state === 'busy' || state === 'draining';
    hold('one place', (lane === null) === (state === 'gone'), `lane ${slot} is ${state}`);
    hold(
      'one place',
      (lane !== null && idle.has(lane)) === (state === 'idle'),
      `lane ${slot} is ${state}, or in the list of free lanes`,
    );
    hold(
      'one place',
      Boolean(ledger.on(slot)) === isRunning,
      `lane ${slot} is ${state}, ${ledger.on(slot) ? 'with' : 'without'} a request`,
    );
    hold('ownership', (roster.lanes.crew(slot) === null) === (lane === null), `lane ${slot} and its worker`);
    hold('ownership', lane === null || lane.slot === slot, `lane ${slot} thinks it is ${lane?.slot}`);
  }
  for (const state of Object.keys(counted) as LaneState[]) {
    hold(
      'one place',
      counted[state] === board.count(state),
      `${counted[state]} lanes are ${state}, ${board.count(state)} were counted`,
    );
  }
}

function verifyCrews({ board, roster, current }: PoolInner): void {
  for (const crew of roster.crews) {
    const states = [...crew.lanes].map(({ slot }) => board.state(slot));
    const isOver = crew.worker.isGone && !states.includes('draining');
    hold('ownership', !isOver, `worker ${crew.worker.pid} is gone, and still listed`);
    hold(
      'finality',
      crew.retirement === null || !states.some(isAssignable),
      `worker ${crew.worker.pid} is retired, and its lanes are ${states}`,
    );
    hold(
      'ownership',
      crew.retirement !== null || !crew.worker.hasExited,
      `worker ${crew.worker.pid} has exited, and takes requests`,
    );
    verifyGeneration(crew.generation, board);
  }
  hold(
    'limits',
    current.lanes <= current.limits.workers,
    `${current.lanes} lanes, and the limit is ${current.limits.workers}`,
  );
}

function verifyGeneration({ number, crews, lanes, startingLanes }: Generation, board: PoolInner['board']): void {
  const serving = [...crews].filter((crew) => crew.retirement === null).flatMap((crew) => [...crew.lanes]);
  const starting = serving.filter(({ slot }) => board.state(slot) === 'starting').length;
  hold('one place', serving.length === lanes, `generation ${number} has ${serving.length} lanes, counted ${lanes}`);
  hold('one place', starting === startingLanes, `${starting} lanes are starting, counted ${startingLanes}`);
}

function verifyAccounting({ board, ledger }: PoolInner): void {
  const count = board.counter.bind(board);
  const sum = count('waiting') + count('running') + count('finished') + count('refused') + count('aborted');
  hold('accounting', count('accepted') === sum, `accepted ${count('accepted')}, the sum of the rest is ${sum}`);
  hold('accounting', count('waiting') === ledger.waiting, `waiting ${count('waiting')}, in the list ${ledger.waiting}`);
  const running = board.count('busy') + board.count('draining');
  hold('accounting', count('running') === running, `running ${count('running')}, on lanes ${running}`);
}

function verifySafety({ roster, ledger }: PoolInner): void {
  const isSafe = ledger.waiting === 0 || roster.lanes.idle.length === 0;
  hold('safety', isSafe, `${ledger.waiting} requests wait while ${roster.lanes.idle.length} lanes are free`);
}

function verifyProgress({ board, ledger, heldUntilMs, isClosing }: PoolInner): void {
  const moving = board.count('busy') + board.count('starting') + board.count('draining') + board.count('stopping');
  const isMoving = ledger.waiting === 0 || moving > 0 || heldUntilMs !== null || isClosing;
  hold('progress', isMoving, `${ledger.waiting} requests wait, and nothing is about to happen`);
}

const isAssignable = (state: LaneState): boolean => state === 'starting' || state === 'idle' || state === 'busy';

function hold(invariant: string, isTrue: boolean, detail: string): void {
  if (!isTrue) throw new Error(`invariant "${invariant}" does not hold: ${detail}`);
}
