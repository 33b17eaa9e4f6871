// What an HTTP/1.1 connection may take its time for, and until when.

import type { Http1Limits } from './http1-limits.ts';

/** For so many bytes of an answer a client may take the write timeout. */
const writeUnitBytes = 65_536;

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

  constructor(owner: DeadlineOwner) {
    this.#owner = owner;
  }

  /** @param now the time that `deadlineAfter` counts on */
  isOver(now: number): boolean {
    return now >= this.#at;
  }

  /** It waits for us. */
  none(): void {
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

  /** A client that reads slowly has its time for every unit that waits for it. @param waitingBytes those that the socket holds */
  forWriting(waitingBytes: number): void {
    this.#set(Math.ceil((waitingBytes + 1) / writeUnitBytes) * this.#owner.limits.writeTimeoutMs);
  }

  forHalfClosed(): void {
    this.#set(this.#owner.limits.halfClosedTimeoutMs);
  }

  forLingering(): void {
    this.#set(this.#owner.limits.lingerTimeoutMs);
  }

  #set(ms: number): void {
    this.#at = this.#owner.deadlineAfter(ms);
  }
}
