// Time as a parameter: the one place that reads the system's clocks, so that tests can bring their own.

import { performance } from 'node:perf_hooks';

/** A timer that was started; `cancel()` is repeatable. */
export interface Timer {
  cancel(): void;
}

/** Where time comes from. */
export interface Clock {
  /** Monotonic milliseconds, with a fraction; the origin is arbitrary. Never goes back. */
  now(): number;
  /** Milliseconds since 1970: for logs, status pages and ages that go on while a machine sleeps. Whoever sets the machine's clock sets it. */
  wall(): number;
  /** Calls `run` once after `delayMs`. The timer does not keep the process alive. */
  after(delayMs: number, run: () => void): Timer;
  /** Calls `run` every `periodMs` until cancelled. The timer does not keep the process alive. */
  every(periodMs: number, run: () => void): Timer;
}

/** What setTimeout takes at most, some 24 days; it makes 1 ms of more. */
const longestMs = 2 ** 31 - 1;

/** What the clock of a thread is behind the machine's: each thread's begins with itself, and what threads share has one time. */
const originMs = originOf(process.hrtime(), performance.now());

/** The time at which the present turn of a thread's loop began; NaN: none was said to. Of the thread, as its clock is. */
let turnMs = Number.NaN;

/** Until `endTurn`, it is as late as now: what one read of a socket leads to has one time, and asks for it many times. Only for what waits for nothing. */
export function beginTurn(): void {
  turnMs = originMs + performance.now();
}

/** It has taken some time, and that matters. */
export function renewTurn(): void {
  if (!Number.isNaN(turnMs)) turnMs = originMs + performance.now();
}

export function endTurn(): void {
  turnMs = Number.NaN;
}

/** For how long the distance between the two clocks is believed: whoever sets the machine's is followed so soon. */
const wallHoldMs = 100;
let wallOffsetMs = 0;
let wallAskedAtMs = Number.NEGATIVE_INFINITY;

/** Milliseconds since 1970, in whole ones, as of the present turn: for lines of a log, since to ask V8 for it takes as long as half of such a line. */
export function wallOfTurn(): number {
  const now = systemClock.now();
  if (now - wallAskedAtMs >= wallHoldMs) {
    wallAskedAtMs = now;
    wallOffsetMs = Date.now() - now;
  }
  return Math.floor(now + wallOffsetMs);
}

/** The system's clock: the same in all threads of a process. */
export const systemClock: Clock = {
  now: () => (Number.isNaN(turnMs) ? originMs + performance.now() : turnMs),
  wall: () => Date.now(),
  after(delayMs, run) {
    if (delayMs > longestMs) return afterLong(delayMs, run);
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  every(periodMs, run) {
    const timer = setInterval(run, periodMs);
    timer.unref();
    return { cancel: () => clearInterval(timer) };
  },
};

/** A clock whose timers give what they throw to `onError`: it ends nothing else, and whoever asks knows whose timer it was. */
export function guardedClock(clock: Clock, onError: (error: unknown) => void): Clock {
  const guarded = (run: () => void) => (): void => {
    try {
      run();
    } catch (error) {
      onError(error);
    }
  };
  return {
    now: () => clock.now(),
    wall: () => clock.wall(),
    after: (delayMs, run) => clock.after(delayMs, guarded(run)),
    every: (periodMs, run) => clock.every(periodMs, guarded(run)),
  };
}

/** Throws where a clock's timers run: whoever guards it, or else the process, hears of the fault with its stack, and whoever called goes on. */
export function raise(clock: Clock, fault: unknown): void {
  clock.after(0, () => {
    throw fault;
  });
}

function originOf([seconds, nanoseconds]: [number, number], nowMs: number): number {
  return seconds * 1_000 + nanoseconds / 1e6 - nowMs;
}

function afterLong(delayMs: number, run: () => void): Timer {
  let timer = systemClock.after(longestMs, () => {
    timer = systemClock.after(delayMs - longestMs, run);
  });
  return { cancel: () => timer.cancel() };
}
