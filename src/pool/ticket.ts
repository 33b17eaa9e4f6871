// A request as a pool's desk sees it: something that waits for a lane, is given one, and gives it back.

import type { PosternError } from '../errors.ts';
import type { Lane } from '../worker/lane.ts';
import type { Waiter } from './wait-list.ts';

/** Who made it is called synchronously, from within `acquire`, `release` or an event of a process. */
export interface Ticket extends Waiter<Ticket> {
  readonly method: string;
  readonly url: string;
  /** When it began to wait (0: it does not), and until when it may; kept by the pool. */
  waitingSinceMs: number;
  waitUntilMs: number;
  /** Run it on this lane, and then `desk.release(lane, ...)` or `desk.retry(lane, ...)`. */
  granted(lane: Lane, waitedMs: number): void;
  /** It will not be run. @param waitedMs how long it waited for that */
  refused(error: PosternError, waitedMs: number): void;
  /** The lane was taken from it: its time is over, or the process is to end. Nothing is to be released any more. */
  expired(error: PosternError): void;
  /** Called every 100 ms while it has a lane. */
  tick(nowMs: number): void;
}
