// The limits of one queue. Names are those of the configuration, with units; 0 is "no limit", but for those that may wait.

/** What a queue may do. Every duration is in milliseconds. */
export interface QueueLimits {
  /** Seats that there may be, for messages and metrics; Infinity: as many as the provider has. */
  readonly seats: number;
  /** Requests that may wait for a seat. 0: none waits. */
  readonly queue: number;
  /** How long one may wait. 0: it is refused at once when no seat is free. */
  readonly queueTimeoutMs: number;
  /** From the first seat to the end of the answer, over all attempts; not counted while we hold the program back. 0: no limit. */
  readonly requestTimeoutMs: number;
  /** The longest silence of a program: before its answer, and between two pieces of it. 0: no limit. */
  readonly readTimeoutMs: number;
}
