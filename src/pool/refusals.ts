// Why a pool gives a request no lane, or a process was not started, in words: what happened, with its values, and what to do.
// The pool tells the log of refusals itself: a line for each would fill it while a program cannot be started.

import { PosternError } from '../errors.ts';
import type { Crew } from './generation.ts';
import type { PoolLimits } from './limits.ts';
import type { SpawnScore } from './spawn-score.ts';

/** Where nothing tells when it will be better. */
const unknownRetryS = 60;

/** @param busy lanes with a request */
export function fullError({ workers, queue, queueTimeoutMs }: PoolLimits, waiting: number, busy: number): PosternError {
  const lanes = `${busy} of ${workers} busy`;
  const message =
    queue === 0 || queueTimeoutMs === 0
      ? `no lane is free (${lanes}) and none may wait: raise workers, or queue and queueTimeout`
      : `${waiting} requests wait already (${lanes}): raise workers or queue`;
  return new PosternError('QUEUE_FULL', message, { fields: { retryAfterS: 1 }, isTold: true });
}

export function tooLateError({ workers }: PoolLimits, waitedMs: number, busy: number): PosternError {
  const message = `no lane became free within ${Math.round(waitedMs)} ms (${busy} of ${workers} busy): raise workers or queueTimeout`;
  return new PosternError('QUEUE_TIMEOUT', message, { fields: { retryAfterS: 1 }, isTold: true });
}

export function restingError(score: SpawnScore, nowMs: number): PosternError {
  const waitS = Math.ceil((score.allowedAtMs(nowMs) - nowMs) / 1000);
  const retryAfterS = Number.isFinite(waitS) ? Math.max(1, waitS) : unknownRetryS;
  return new PosternError('POOL_RESTING', `no worker runs, ${score.describe(nowMs)}`, {
    fields: { retryAfterS },
    isTold: true,
  });
}

export function closingError(name: string): PosternError {
  return new PosternError('POOL_CLOSING', `pool ${name} is closing`, { isTold: true });
}

/** @param consequence what happens now: "it is tried again" */
export function launchError({ generation, worker }: Crew, consequence: string): PosternError {
  const program = generation.program.command[0]!;
  const { ending } = worker;
  const words = ending.startsWith(program) ? ending : `${program} ended at its start (${ending})`;
  return new PosternError('LAUNCH_FAILED', `${words}: ${consequence}`);
}
