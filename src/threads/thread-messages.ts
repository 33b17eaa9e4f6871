// What the main thread and a front thread say to each other: plain data, and ports. Pure.

import type { PoolShare } from '../backend/unit.ts';
import type { ErrorCode } from '../errors.ts';
import type { LimitsMemory } from '../gateway/shared-limits.ts';
import type { LogFields } from '../log.ts';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import type { FrontsConfig } from '../sites/fronts.ts';
import type { AccessRecord } from '../sites/gateways.ts';
import type { ListeningPlace } from '../sites/listeners.ts';
import type { TlsMaterial } from '../tls/tls-material.ts';

/** What a thread is started with. */
export interface ThreadData {
  /** 1 is the first. */
  readonly index: number;
  readonly count: number;
  /** What is in the environment of the programs that it starts. */
  readonly mark: string;
  readonly isDeveloped: boolean;
  /** How it is to tell of each answer. */
  readonly access: 'none' | 'records' | 'lines';
  /** Its row of the vitals, and its counts of answers by status. */
  readonly vitals: SharedArrayBuffer;
  readonly answers: SharedArrayBuffer;
  /** Its durations of requests. */
  readonly durations: SharedArrayBuffer;
  /** Of each thread: its connections of clients. */
  readonly clients: readonly SharedArrayBuffer[];
  /** What rules count of clients. */
  readonly limits: LimitsMemory;
  /** Folder of compiled code; null: none is kept. */
  readonly compileCache: string | null;
}

/** A thread's vitals: one cell each, written by it alone. */
export const vital = {
  /** Counts up while its event loop turns. */
  beats: 0,
  /** Requests that are on their way. */
  running: 1,
  /** The longest delay of its event loop in the last second, in milliseconds. */
  loopDelayMs: 2,
  /** Median, 99 of a hundred and longest delay of the last minutes, in microseconds; see LoopWindow. */
  loopDelayP50Us: 3,
  loopDelayP99Us: 4,
  loopDelayMaxUs: 5,
  /** Connections of clients that are open. */
  connections: 6,
  /** The share of that time in which its event loop had something to do, in millionths. */
  loopBusyPpm: 7,
} as const;
export const vitalCount = Object.keys(vital).length;

/** How often a thread writes them. */
export const beatMs = 100;
/** How often its event loop is looked at: what it says of delays has this in it. */
export const loopResolutionMs = 20;

/** What a thread tells of a pool besides what stands in shared memory. */
export type PoolTold = Pick<
  PoolSnapshot,
  'name' | 'lanes' | 'servers' | 'slow' | 'notReady' | 'spawned' | 'ended' | 'lastEnds'
>;

/** What a thread is told. Each order with a number is answered by `done`. */
export type ThreadOrder =
  /** Open the addresses that are new. `places`: where each is listened on, in the order of the configuration. */
  | {
      readonly type: 'open';
      readonly id: number;
      readonly config: FrontsConfig;
      readonly places: readonly ListeningPlace[];
    }
  /** Make what answers there. `pools`: those that are new, or have changed. */
  | { readonly type: 'prepare'; readonly id: number; readonly pools: readonly PoolShare[] }
  /** Put it in force. `pools`: those that there are. Told with `in-force`, and answered when what is not wanted any more has finished. */
  | { readonly type: 'commit'; readonly id: number; readonly pools: readonly string[]; readonly deadlineMs: number }
  | { readonly type: 'undo'; readonly id: number }
  /** What is answered by TLS with has changed. */
  | { readonly type: 'tls'; readonly id: number; readonly tls: TlsMaterial }
  /** A pool was made anew after a fault. */
  | { readonly type: 'pool'; readonly id: number; readonly pool: PoolShare }
  /** What was asked for with `question`. */
  | { readonly type: 'answer'; readonly id: number; readonly question: number; readonly pool: PoolSnapshot }
  /** Stop listening, finish the requests. */
  | { readonly type: 'close'; readonly id: number; readonly deadlineMs: number }
  /** Leave: the pools have ended. */
  | { readonly type: 'end'; readonly id: number };

/** An order without its number. */
export type OrderBody = ThreadOrder extends infer Order
  ? Order extends ThreadOrder
    ? Omit<Order, 'id'>
    : never
  : never;

/** An error on its way from one thread to another: a class does not survive it. */
export interface SentError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly stack: string | undefined;
}

/** What a thread says. */
export type ThreadReport =
  | { readonly type: 'ready' }
  | { readonly type: 'done'; readonly id: number; readonly error: SentError | null; readonly words: readonly string[] }
  | { readonly type: 'in-force'; readonly id: number }
  | {
      readonly type: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly fields: LogFields;
      readonly message: string;
    }
  | { readonly type: 'access'; readonly records: readonly AccessRecord[] }
  /** Lines of the access log, by site that has a file of its own; null: the others. */
  | { readonly type: 'lines'; readonly lines: readonly (readonly [string | null, string])[] }
  | { readonly type: 'fault'; readonly error: SentError; readonly where: string; readonly fields: LogFields }
  /** How a pool is as a whole; answered by `answer`. */
  | { readonly type: 'question'; readonly question: number; readonly pool: string }
  /** Whenever that has changed. */
  | { readonly type: 'told'; readonly pools: readonly PoolTold[] };
