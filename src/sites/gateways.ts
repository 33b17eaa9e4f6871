// The way of each request through the service: from a listener to the gateway in force, and of its answer to the counts and the access log.

import type { Faults } from '../backend/faults.ts';
import { type SlowClientLimit, toPosternError } from '../errors.ts';
import type { Gateway } from '../gateway/handle.ts';
import type { HttpHandler } from '../gateway/message.ts';
import type { AccessLog, AccessRecord, CountAnswer } from '../gateway/request-log.ts';
import type { Backend } from '../protocol/cgi/exchange.ts';
import { fieldValue } from '../protocol/http/headers.ts';
import type { HostTable } from '../protocol/http/host-table.ts';
import { bytesToLog } from '../protocol/text.ts';
import { answersOf, statusCount } from './fronts.ts';
import { unlessGone } from './held-request.ts';
import { HttpDurations } from './http-durations.ts';
import type { FrontPool } from './pool-pages.ts';
import type { ProofAnswers } from './proof-answer.ts';
import { notServed, refuse, refuseUnknown } from './refused.ts';

export type { AccessLog, AccessRecord };

/** What routes keep of a pool for good: one that is made anew after a fault has another backend. */
export function backendOf(name: string, unit: Pick<FrontPool, 'backend'>): Backend {
  return { name, run: (request, sink) => unit.backend.run(request, sink) };
}

/** The gateways in force, and those before them that are not done; and the count of their answers. */
export class Gateways {
  readonly #faults: Pick<Faults, 'report'>;
  /** Told of each answer; null: nobody is. */
  readonly onAccess: AccessLog | null;
  #inForce: ReadonlyMap<string, Gateway> = new Map();
  /** Gateways that a change replaced, while requests are still on their way through them. */
  #old: Gateway[] = [];
  /** Requests that came to an address before its gateway was in force: a thread listens a moment before. */
  readonly #early: (() => void)[] = [];
  #isReplaying = false;
  /** Who answers authorities; null: none is asked for certificates. */
  proofs: ProofAnswers | null = null;
  /** Told of each limit that a slow client met. */
  onLimit: (limit: SlowClientLimit) => void = () => {};
  /** Answers since the start, by status. */
  readonly #counts: Uint32Array;
  /** How long they took, by site, method and status. */
  readonly durations: HttpDurations;

  /** @param onAccess told of each answer @param counts where answers are counted by status; it may be shared memory @param durations where durations are */
  constructor(
    faults: Pick<Faults, 'report'>,
    onAccess: AccessLog | undefined,
    counts: Uint32Array = new Uint32Array(statusCount),
    durations?: SharedArrayBuffer,
  ) {
    this.#faults = faults;
    this.onAccess = onAccess ?? null;
    this.#counts = counts;
    this.durations = new HttpDurations(durations);
  }

  /** Puts others in force; those of before finish what they have. */
  use(gateways: ReadonlyMap<string, Gateway>): void {
    this.#old = [...this.#old, ...this.#inForce.values()].filter(({ active }) => active > 0);
    this.#inForce = gateways;
    this.#replay();
  }

  /** What was opened is not put in force: who came early is told so. */
  undo(): void {
    this.#replay();
  }

  /** The gateway of a site; undefined: the site is not served. */
  of(site: string): Gateway | undefined {
    return this.#inForce.get(site);
  }

  /** Requests that are on their way. */
  get running(): number {
    return [...this.#inForce.values(), ...this.#old].reduce((sum, { active }) => sum + active, 0);
  }

  /** "200" -> 12; only those that were given, 100 to 999. */
  get answers(): Readonly<Record<string, number>> {
    return answersOf([this.#counts]);
  }

  /**
   * What a listener hands its requests to: an error that nothing foresaw costs one request its answer, and nothing else.
   * @param listener its table may change, and is asked with each request
   */
  handlerFor(listener: { readonly table: HostTable }): HttpHandler {
    const serve: HttpHandler = (request, answer) => {
      const { table } = listener;
      const site = table.only ?? table.siteOf(fieldValue(request.headers, 'host'));
      const gateway = site === null ? undefined : this.#inForce.get(site);
      try {
        if (gateway !== undefined) gateway.handle(request, answer);
        else if (site === null) this.refused(refuseUnknown(request, answer));
        else if (this.#isReplaying) refuse(request, answer, notServed(site));
        else this.#early.push(unlessGone(answer, () => serve(request, answer)));
      } catch (thrown) {
        this.#faults.report(thrown, 'a request', { method: request.method, url: bytesToLog(request.target, 2_048) });
        const error = toPosternError(thrown);
        if (answer.headSent) answer.abort(error);
        else refuse(request, answer, error);
      }
    };
    return (request, answer) => {
      const { proofs } = this;
      if (proofs === null || !proofs.takes(request)) serve(request, answer);
      else void proofs.answer(request, answer, serve).then((record) => record !== null && this.refused(record));
    };
  }

  #replay(): void {
    this.#isReplaying = true;
    for (const handle of this.#early.splice(0)) handle();
    this.#isReplaying = false;
  }

  /** Takes what is counted of a request that is over. */
  readonly count: CountAnswer = (site, method, status, durationMs, limit) => {
    if (limit !== null) this.onLimit(limit);
    if (status >= 100 && status < statusCount) this.#counts[status]! += 1;
    this.durations.note(site, method, status, durationMs);
  };

  /** Takes the record of what was no request. */
  refused(record: AccessRecord): void {
    this.count(record.site, record.method, record.status, record.durationMs, null);
    this.onAccess?.(record);
  }
}
