// What a front thread of `threaded-backend.ts` is told, and what it says.

import type { PoolShare } from '../../src/backend/unit.ts';
import type { LogFields } from '../../src/log.ts';
import type { CgiHead, CgiRequest, Exchange } from '../../src/protocol/cgi/exchange.ts';
import type { PoolTold, SentError } from '../../src/threads/thread-messages.ts';

/** What a thread begins with. */
export interface AskedThreadData {
  readonly index: number;
  readonly share: PoolShare;
  /** One word: how many orders it has carried out. */
  readonly carriedOut: SharedArrayBuffer;
}

/** Each is carried out before the one who gives it goes on. */
export type AskedThreadOrder =
  | { readonly type: 'run'; readonly id: number; readonly request: CgiRequest }
  | { readonly type: 'abort'; readonly id: number }
  | { readonly type: 'close'; readonly deadlineMs: number };

/** What is known of a request. */
export type ToldExchange = Required<Pick<Exchange, 'waitedMs' | 'pid' | 'attempts'>>;

/** What becomes of a request, in the words of its sink. */
export type SinkCall =
  | { readonly call: 'head'; readonly head: CgiHead }
  | { readonly call: 'write'; readonly chunk: Uint8Array }
  | { readonly call: 'stderr'; readonly chunk: Uint8Array }
  | { readonly call: 'flush' }
  | { readonly call: 'end' }
  | { readonly call: 'fail'; readonly error: SentError; readonly fields: LogFields; readonly isTold: boolean };

export type AskedThreadWord =
  | { readonly type: 'ready' }
  | { readonly type: 'closed' }
  | ({ readonly type: 'sink'; readonly id: number; readonly exchange: ToldExchange } & SinkCall)
  | { readonly type: 'told'; readonly pools: readonly PoolTold[] }
  | {
      readonly type: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly fields: LogFields;
      readonly message: string;
    };
