// The invariants of `pool.ts`, as assertions over plain data: called after each step of every test of a pool.

import type { Generation, LaneRecord, PoolState } from '../../src/pool/pool-state.ts';
import { wantedWorkers } from '../../src/pool/spawning.ts';
import type { QueueCounters } from '../../src/queue/queue-books.ts';
import type { LaneState } from '../../src/worker/state.ts';

/**
 * All of them. With front threads: at a moment at which none of those does anything.
 * @throws when an invariant does not hold, with its name and the values
 */
export function verify(state: PoolState, counters: QueueCounters): void {
  verifyProcesses(state);
  verifyAccounting(state, counters);
  verifySafety(state);
  verifyProgress(state, counters);
}

/** Those of workers and their lanes, which hold at any moment. @throws as `verify` does */
export function verifyProcesses(state: PoolState): void {
  verifyLanes(state);
  verifyWorkers(state);
}

function verifyLanes({ board, lanes }: PoolState): void {
  for (let slot = 0; slot < board.slots; slot += 1) {
    const state = board.state(slot);
    const lane = lanes[slot] ?? null;
    hold('one place', (lane === null) === (state === 'gone'), `lane ${slot} is ${state}`);
    if (lane === null) continue;
    hold('ownership', lane.slot === slot, `lane ${slot} thinks it is ${lane.slot}`);
    hold('ownership', lane.worker.lanes.has(lane), `lane ${slot} and its worker`);
    hold(
      'one place',
      lane.killAtMs === null || state === 'stopping',
      `the child of lane ${slot}, which is ${state}, is to end`,
    );
  }
}

function verifyWorkers({ board, workers, generation: current, next }: PoolState): void {
  for (const worker of workers.values()) {
    const { pid, lanes, retirement, phase, generation, isGone } = worker;
    const states = [...lanes].map(({ slot }) => board.state(slot));
    hold('ownership', !isGone || states.includes('draining'), `worker ${pid} is gone, and still listed`);
    hold('ownership', generation.workers.has(worker), `worker ${pid} is not of its generation`);
    hold(
      'finality',
      retirement === null || !states.some(isAssignable),
      `worker ${pid} is retired, and its lanes are ${states}`,
    );
    const isWatched = [...lanes].some(({ killAtMs }) => killAtMs !== null);
    const isForgotten = retirement === null && [...lanes].some((lane) => isUnwatched(lane, board));
    hold('progress', !isForgotten, `a child of worker ${pid} is to end, and nobody looks whether it has`);
    const isInForce = generation === current || generation === next;
    hold('finality', isInForce || retirement !== null, `worker ${pid} is of a generation that is over, and stays`);
    hold(
      'finality',
      retirement === null || !isWatched,
      `worker ${pid} is retired, and a child of it is to be replaced`,
    );
    hold('ownership', retirement !== null || phase !== 'exited', `worker ${pid} has exited, and takes requests`);
    verifyGeneration(generation, board);
  }
  const { lanes, limits, program } = current;
  hold('limits', lanes <= limits.workers, `${lanes} lanes, and the limit is ${limits.workers}`);
  // Those that are being stopped may double the number for a while.
  const mostWorkers = 2 * Math.ceil(limits.workers / program.lanesPerWorker);
  hold('limits', current.workers.size <= mostWorkers, `${current.workers.size} workers, and ${mostWorkers} may live`);
}

function verifyGeneration({ number, workers, lanes, startingLanes }: Generation, board: PoolState['board']): void {
  const serving = [...workers].filter(({ retirement }) => retirement === null).flatMap((worker) => [...worker.lanes]);
  const starting = serving.filter(({ slot }) => board.state(slot) === 'starting').length;
  hold('one place', serving.length === lanes, `generation ${number} has ${serving.length} lanes, counted ${lanes}`);
  hold('one place', starting === startingLanes, `${starting} lanes are starting, counted ${startingLanes}`);
}

function verifyAccounting({ board, waiting }: PoolState, counters: QueueCounters): void {
  const { accepted, running, finished, refused, aborted } = counters;
  const sum = counters.waiting + running + finished + refused + aborted;
  hold('accounting', accepted === sum, `accepted ${accepted}, the sum of the rest is ${sum}`);
  hold('accounting', counters.waiting === waiting, `waiting ${counters.waiting}, in the queue ${waiting}`);
  const taken = board.count('busy') + board.count('draining');
  hold('accounting', running === taken, `running ${running}, on lanes ${taken}`);
}

function verifySafety({ board, waiting }: PoolState): void {
  const free = board.count('idle');
  hold('safety', waiting === 0 || free === 0, `${waiting} requests wait while ${free} lanes are free`);
}

function verifyProgress(state: PoolState, { waiting }: QueueCounters): void {
  const { board, wakeAtMs, phase, generation, workers } = state;
  const isServing = phase === 'open' || (phase === 'closing' && waiting > 0);
  const isHeldForGood = !Number.isFinite(generation.score.allowedAtMs(0));
  const moving = board.count('busy') + board.count('starting') + board.count('draining') + board.count('stopping');
  const isMoving = waiting === 0 || moving > 0 || wakeAtMs !== null || !isServing || isHeldForGood;
  hold('progress', isMoving, `${waiting} requests wait, and nothing is about to happen`);
  const wanted = wantedWorkers(state);
  const isWaking = wanted === 0 || wakeAtMs !== null || !isServing || isHeldForGood;
  hold('progress', isWaking, `${wanted} workers are wanted, ${workers.size} live, and no wake-up is set`);
}

const isUnwatched = ({ slot, killAtMs }: LaneRecord, board: PoolState['board']): boolean =>
  board.state(slot) === 'stopping' && killAtMs === null;

const isAssignable = (state: LaneState): boolean => state === 'starting' || state === 'idle' || state === 'busy';

function hold(invariant: string, isTrue: boolean, detail: string): void {
  if (!isTrue) throw new Error(`invariant "${invariant}" does not hold: ${detail}`);
}
