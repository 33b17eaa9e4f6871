// The limits of an HTTP/1.1 front, with their defaults, and what one connection may take its time for, and until when.

import { type AskTaken, ClientWatch } from '../gateway/client-watch.ts';

/** What clients may cost. Durations are in milliseconds and kept to the second: a limit is never early, and up to two seconds late. */
export interface Http1Limits {
  /** From the first byte of a request, or the connection's beginning, to the end of its head. @default 30000 */
  readonly headTimeoutMs: number;
  /** Between two pieces of a request body that the handler waits for. @default 30000 */
  readonly bodyTimeoutMs: number;
  /** Between two requests of one connection. @default 75000 */
  readonly keepAliveTimeoutMs: number;
  /** How long a client may take nothing of an answer whose handler sets no limit of its own; 0: as long as it likes. @default 60000 */
  readonly writeTimeoutMs: number;
  /** How long a connection that we end is read on, so that a client still sending gets to see the answer. @default 5000 */
  readonly lingerTimeoutMs: number;
  /** How long a request goes on whose client has closed its side: it may only have said that it has no more requests. @default 1000 */
  readonly halfClosedTimeoutMs: number;
}

/** The limits where the configuration is silent. */
export const defaultHttp1Limits: Http1Limits = {
  headTimeoutMs: 30_000,
  bodyTimeoutMs: 30_000,
  keepAliveTimeoutMs: 75_000,
  writeTimeoutMs: 60_000,
  lingerTimeoutMs: 5_000,
  halfClosedTimeoutMs: 1_000,
};

/** How long a closing front waits for the first request of a connection. */
const firstRequestMs = 1_000;

/** What a deadline needs of the connection's front. */
export interface DeadlineOwner {
  readonly limits: Http1Limits;
  /** When something that begins now and may take so long is overdue. */
  deadlineAfter(ms: number): number;
}

/** The present deadline of one connection: each call replaces the one before. */
export class Http1Deadline {
  readonly #owner: DeadlineOwner;
  #at = Number.POSITIVE_INFINITY;
  /** Who is asked what the client has taken, while it is for the client to take what it is sent, and how long it may take nothing. */
  #ask: AskTaken | null = null;
  #writeTimeoutMs = 0;
  #watch: ClientWatch | null = null;

  constructor(owner: DeadlineOwner) {
    this.#owner = owner;
  }

  /** @param now the time that `deadlineAfter` counts on */
  isOver(now: number): boolean {
    if (this.#ask === null) return now >= this.#at;
    return this.#writeTimeoutMs > 0 && this.#watch!.isOverdue(now, this.#writeTimeoutMs, this.#ask);
  }

  /** It waits for us. */
  none(): void {
    this.#ask = null;
    this.#at = Number.POSITIVE_INFINITY;
  }

  forHead(): void {
    this.#set(this.#owner.limits.headTimeoutMs);
  }

  forFirstRequest(): void {
    this.#set(firstRequestMs);
  }

  forNextRequest(): void {
    this.#set(this.#owner.limits.keepAliveTimeoutMs);
  }

  forBody(): void {
    this.#set(this.#owner.limits.bodyTimeoutMs);
  }

  /** It waits for the client, which may take nothing for so long. @param timeoutMs 0: no limit */
  forWriting(timeoutMs: number, ask: AskTaken): void {
    this.#ask = ask;
    this.#writeTimeoutMs = timeoutMs;
    this.#watch ??= new ClientWatch();
    this.#watch.start(this.#owner.deadlineAfter(0), ask);
  }

  forHalfClosed(): void {
    this.#set(this.#owner.limits.halfClosedTimeoutMs);
  }

  forLingering(): void {
    this.#set(this.#owner.limits.lingerTimeoutMs);
  }

  #set(ms: number): void {
    this.#ask = null;
    this.#at = this.#owner.deadlineAfter(ms);
  }
}
