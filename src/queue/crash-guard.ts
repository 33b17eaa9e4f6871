// Remembers which requests end the processes that run them: one URL that crashes its program must not take the pool from everybody.

import type { Clock } from '../clock.ts';
import type { PosternError } from '../errors.ts';
import type { CgiRequest } from '../protocol/cgi/exchange.ts';
import type { Attempt } from './attempt.ts';
import type { CrashingKinds } from './queue-books.ts';
import { crashingError } from './refusals.ts';
import type { SeatOutcome } from './seat.ts';

/** Deaths in a row of one method and path after which it is answered at once. */
const maxDeaths = 3;
/** How long it is; then one is let through, and a death of it begins the time anew. */
const restMs = 10_000;

export class CrashGuard {
  readonly #clock: Clock;
  readonly #kinds: CrashingKinds;

  constructor(clock: Clock, kinds: CrashingKinds) {
    this.#clock = clock;
    this.#kinds = kinds;
  }

  /** Why such a request is not run now; null: it may be. */
  refusal(request: CgiRequest): PosternError | null {
    const kind = this.#kinds.get(keyOf(request));
    const leftMs = kind === undefined ? 0 : kind.restsUntilMs - this.#clock.now();
    return leftMs <= 0 ? null : crashingError(request.method, pathOf(request.url), kind!.deaths, leftMs);
  }

  /** A request has left its seat: whether that was the end of its process. */
  note({ request, processEnd }: Attempt, { code, isAborted }: SeatOutcome): void {
    const isDeath = processEnd === 'crash' || processEnd === 'memory';
    if (!isDeath) {
      if (code === null && !isAborted) this.#kinds.delete(keyOf(request));
      return;
    }
    const key = keyOf(request);
    const before = this.#kinds.get(key);
    const deaths = (before?.deaths ?? 0) + 1;
    const restsUntilMs = deaths >= maxDeaths ? this.#clock.now() + restMs : 0;
    this.#kinds.set(key, { deaths, restsUntilMs });
  }
}

const pathOf = (url: string): string => url.split('?', 1)[0]!;
const keyOf = ({ method, url }: CgiRequest): string => `${method} ${pathOf(url)}`;
