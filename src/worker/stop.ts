// Ends a process, or a whole group: a polite signal, and SIGKILL after a grace.

import type { Clock, Timer } from '../clock.ts';
import { sendSignal } from './process-table.ts';

/** How to end it. */
export interface StopOptions {
  /** How long the first signal has before SIGKILL follows. */
  readonly graceMs: number;
  readonly clock: Clock;
  /** @default 'SIGTERM', with which FastCGI asks a program to leave */
  readonly signal?: NodeJS.Signals;
}

/**
 * Sends the first signal now and SIGKILL after the grace, unless the timer is cancelled: by whoever sees the end.
 * @param target a process, or a process group as a negative number
 */
export function stopProcess(target: number, { graceMs, clock, signal = 'SIGTERM' }: StopOptions): Timer {
  sendSignal(target, signal);
  return clock.after(graceMs, () => sendSignal(target, 'SIGKILL'));
}
