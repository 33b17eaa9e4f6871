// Remembers which requests end the processes that run them: one URL that crashes its program must not take the pool from everybody. In memory that the
// threads of a pool share, where there are several.

import type { Clock } from '../clock.ts';
import { PosternError } from '../errors.ts';
import type { CgiRequest } from '../protocol/cgi/exchange.ts';
import { hashOf } from '../protocol/text.ts';
import type { Attempt } from './attempt.ts';
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

  /**
   * A request has left its seat: whether that was the end of its process. Of ends that nobody saw, as those of the children of a php-cgi, only those
   * count whose requests came after the last one: processes that are all killed at once say nothing of their requests.
   */
  note({ request, processEnd, beganAtMs }: Attempt, { code, isAborted }: SeatOutcome): void {
    const isUnseen = processEnd === 'unknown';
    if (!isUnseen && processEnd !== 'crash' && processEnd !== 'memory') {
      if (code === null && !isAborted) this.#kinds.delete(keyOf(request));
      return;
    }
    const key = keyOf(request);
    const before = this.#kinds.get(key);
    if (isUnseen && before !== undefined && beganAtMs < before.diedAtMs) return;
    const deaths = (before?.deaths ?? 0) + 1;
    const diedAtMs = this.#clock.now();
    this.#kinds.set(key, { deaths, diedAtMs, restsUntilMs: deaths >= maxDeaths ? diedAtMs + restMs : 0 });
  }
}

/** A request of a kind that ended one process after another. */
function crashingError(method: string, path: string, deaths: number, forMs: number): PosternError {
  const message = `${method} ${path} ended ${deaths} processes in a row: it is answered 500 at once for ${Math.ceil(forMs / 1000)} s; mend the program`;
  return new PosternError('REQUEST_CRASHES', message, { isTold: true });
}

const pathOf = (url: string): string => url.split('?', 1)[0]!;
const keyOf = ({ method, url }: CgiRequest): string => `${method} ${pathOf(url)}`;

/** Method and path pairs that are remembered; the oldest is forgotten first. */
const maxKinds = 1_000;

/** What threads remember together: cell 0 says whether there ever was anything; then entries of four numbers: the key as a hash, deaths, when the last was, until when it rests. */
const sharedKinds = 32;
const kindCells = 4;
/** Numbers in which they do. */
export const crashCells = 1 + sharedKinds * kindCells;
const windowKinds = 8;

/** A method and path whose requests ended processes: how many one after another, when the last, and until when it is answered at once. */
interface CrashingKind {
  readonly deaths: number;
  readonly diedAtMs: number;
  readonly restsUntilMs: number;
}

/** What is remembered of requests that end processes, by method and path. */
export interface CrashingKinds {
  /** Whether nothing is, as mostly: then it need not be asked. */
  readonly isEmpty: boolean;
  get(key: string): CrashingKind | undefined;
  set(key: string, kind: CrashingKind): void;
  delete(key: string): void;
}

/** Of a queue that is alone. */
class OwnKinds implements CrashingKinds {
  /** A field: it is asked for with each request. */
  isEmpty = true;
  readonly #kinds = new Map<string, CrashingKind>();

  get(key: string): CrashingKind | undefined {
    return this.#kinds.get(key);
  }

  set(key: string, kind: CrashingKind): void {
    this.#kinds.delete(key);
    this.#kinds.set(key, kind);
    if (this.#kinds.size > maxKinds) this.#kinds.delete(this.#kinds.keys().next().value!);
    this.isEmpty = false;
  }

  delete(key: string): void {
    this.#kinds.delete(key);
    this.isEmpty = this.#kinds.size === 0;
  }
}

/** Of all queues of a pool. Of two that die at the very same moment one may not be counted; of two kinds with one hash each counts for both. */
class SharedKinds implements CrashingKinds {
  readonly #cells: Float64Array;

  constructor(cells: Float64Array) {
    this.#cells = cells;
  }

  get isEmpty(): boolean {
    return this.#cells[0] === 0;
  }

  get(key: string): CrashingKind | undefined {
    const at = this.#find(hashOf(key));
    if (at < 0) return undefined;
    return { deaths: this.#cells[at + 1]!, diedAtMs: this.#cells[at + 2]!, restsUntilMs: this.#cells[at + 3]! };
  }

  set(key: string, { deaths, diedAtMs, restsUntilMs }: CrashingKind): void {
    const hash = hashOf(key);
    const found = this.#find(hash);
    const at = found >= 0 ? found : this.#free(hash);
    this.#cells[at] = hash;
    this.#cells[at + 2] = diedAtMs;
    this.#cells[at + 3] = restsUntilMs;
    this.#cells[at + 1] = deaths;
    this.#cells[0] = 1;
  }

  delete(key: string): void {
    const at = this.#find(hashOf(key));
    if (at >= 0) this.#cells[at + 1] = 0;
  }

  #find(hash: number): number {
    for (let step = 0; step < windowKinds; step += 1) {
      const at = placeOf(hash, step);
      if (this.#cells[at] === hash && this.#cells[at + 1]! > 0) return at;
    }
    return -1;
  }

  /** One that is free, or else the first. */
  #free(hash: number): number {
    for (let step = 0; step < windowKinds; step += 1) {
      const at = placeOf(hash, step);
      if (this.#cells[at + 1] === 0) return at;
    }
    return placeOf(hash, 0);
  }
}

const placeOf = (hash: number, step: number): number => 1 + ((hash + step) & (sharedKinds - 1)) * kindCells;

/** @param cells of memory that the queues of a pool share; null: there is but one */
export function crashingKinds(cells: Float64Array | null): CrashingKinds {
  return cells === null ? new OwnKinds() : new SharedKinds(cells);
}
