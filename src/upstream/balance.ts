// Which of several servers takes the next request: smooth weighted round robin, a rest for those that fail, and backups behind all others.

import type { Clock } from '../clock.ts';
import type { ErrorCode } from '../errors.ts';
import type { ServerSnapshot } from '../queue/pool-snapshot.ts';
import { newServerMemory, ServerBoard, type ServerRecord } from './server-board.ts';
import type { Upstream } from './upstream.ts';

/** When a server is given a rest. */
export interface BalanceLimits {
  /** Failures within `failTimeoutMs` after which it rests. 0: it never does. @default 1 */
  readonly maxFails: number;
  /** How far back failures count, and how long the rest is, in milliseconds. @default 10000 */
  readonly failTimeoutMs: number;
}

/** The limits where nothing is said; they are nginx's. */
export const defaultBalanceLimits: BalanceLimits = { maxFails: 1, failTimeoutMs: 10_000 };

/** A server and its share of the requests. */
export interface WeightedUpstream {
  readonly upstream: Upstream;
  /** 1 or more. */
  readonly weight: number;
  /** Whether it is asked only while every other one rests, or was tried. */
  readonly isBackup: boolean;
}

interface Member extends WeightedUpstream {
  /** What all threads know of it. */
  readonly known: ServerRecord;
}

/** Failures that are the server's own. */
const failures: ReadonlySet<ErrorCode> = new Set([
  'CONNECT_FAILED',
  'CONNECTION_LOST',
  'PROTOCOL_ERROR',
  'ANSWER_TIMEOUT',
  'OVERLOADED',
]);

/**
 * 1. Each choice adds every candidate's weight to its credit; the one with most credit is chosen and pays the sum of the weights. So
 *    weights 5, 1, 1 give a a b a c a a and not a a a a a b c (nginx, smooth weighted round robin). Credits are those of all threads. Two that
 *    choose at once may choose the same one, and both pay for it, so that the shares stay right.
 * 2. Candidates have room, were not tried for this request, and do not rest.
 * 3. Backups are candidates only where all others that were not tried rest; a server that is merely busy is waited for.
 * 4. Where all that were not tried rest, backups too, the one that wakes first is chosen all the same: a refusal would help nobody.
 * 5. A server rests for `failTimeoutMs` after `maxFails` failures within that time; a success clears them, and ends the rest.
 */
export class Balance {
  readonly upstreams: readonly Upstream[];
  readonly #members: readonly Member[];
  readonly #limits: BalanceLimits;
  readonly #clock: Clock;

  /** @param board what is known of the servers, in their order. @default of its own */
  constructor(
    upstreams: readonly WeightedUpstream[],
    limits: BalanceLimits,
    clock: Clock,
    board: ServerBoard = new ServerBoard(newServerMemory(upstreams.length)),
  ) {
    this.upstreams = upstreams.map(({ upstream }) => upstream);
    this.#members = upstreams.map((given, index) => ({ ...given, known: board.record(index) }));
    this.#limits = limits;
    this.#clock = clock;
  }

  /** One that has room, and was not tried; null: there is none now. */
  choose(tried: ReadonlySet<Upstream>): Upstream | null {
    if (this.#members.length === 1) {
      const { upstream } = this.#members[0]!;
      return upstream.hasRoom && !tried.has(upstream) ? upstream : null;
    }
    const now = this.#clock.now();
    const untried = this.#members.filter(({ upstream }) => !tried.has(upstream));
    const awake = untried.filter(({ known }) => known.restsUntilMs <= now);
    const first = awake.filter(({ isBackup }) => !isBackup);
    const candidates = first.length > 0 ? first : awake;
    if (candidates.length === 0) return firstAwake(untried)?.upstream ?? null;
    return this.#turn(candidates.filter(({ upstream }) => upstream.hasRoom))?.upstream ?? null;
  }

  /** How a request, or a look, ended there. @param code null: well */
  report(upstream: Upstream, code: ErrorCode | null): void {
    const known = this.#members.find((one) => one.upstream === upstream)?.known;
    if (known === undefined) return;
    if (code === null || !failures.has(code)) {
      if (known.fails === 0 && known.restsUntilMs === 0) return;
      known.fails = 0;
      known.restsUntilMs = 0;
      return;
    }
    const now = this.#clock.now();
    const { maxFails, failTimeoutMs } = this.#limits;
    known.fails = now - known.failedAtMs > failTimeoutMs ? 1 : known.fails + 1;
    known.failedAtMs = now;
    if (maxFails > 0 && known.fails >= maxFails) known.restsUntilMs = now + failTimeoutMs;
  }

  /** How each of the servers is. */
  get servers(): ServerSnapshot[] {
    const now = this.#clock.now();
    return this.#members.map(({ upstream, isBackup, known }) => ({
      address: upstream.name,
      isBackup,
      connections: upstream.connections,
      restsMs: Math.max(0, known.restsUntilMs - now),
    }));
  }

  /** How many of the servers rest. */
  get resting(): number {
    const now = this.#clock.now();
    return this.#members.filter(({ known }) => known.restsUntilMs > now).length;
  }

  #turn(candidates: readonly Member[]): Member | null {
    let best: Member | null = null;
    let most = 0;
    let total = 0;
    for (const member of candidates) {
      total += member.weight;
      const credit = member.known.addCredit(member.weight);
      if (best !== null && credit <= most) continue;
      best = member;
      most = credit;
    }
    best?.known.addCredit(-total);
    return best;
  }
}

function firstAwake(members: readonly Member[]): Member | null {
  let first: Member | null = null;
  for (const member of members) {
    if (member.upstream.hasRoom && (first === null || member.known.restsUntilMs < first.known.restsUntilMs))
      first = member;
  }
  return first;
}
