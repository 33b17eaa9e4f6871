// The limits of one pool, with their defaults. Names are those of the configuration, with units.

/** What a pool may do. Every duration is in milliseconds. */
export interface PoolLimits {
  /** Lanes at most. @default 8 */
  readonly workers: number;
  /** Lanes that are kept ready without traffic (for a preforking program: one worker process when above 0). @default 1 */
  readonly minWorkers: number;
  /** Requests that may wait for a lane. 0: none waits. @default 512 */
  readonly queue: number;
  /** How long one may wait. 0: it is refused at once when no lane is free. @default 5000 */
  readonly queueTimeoutMs: number;
  /** From the assignment of a lane to the end of the answer. @default 60000 */
  readonly requestTimeoutMs: number;
  /** A process above minWorkers that was idle so long is stopped. 0: never. @default 300000 */
  readonly idleTimeoutMs: number;
  /** A process is recycled after so many requests. 0: never. @default 0 */
  readonly maxRequests: number;
  /** A process is recycled at this age, when idle. 0: never. @default 0 */
  readonly maxAgeMs: number;
  /** A process is recycled when idle above this resident size, in bytes. 0: never. @default 0 */
  readonly maxMemoryBytes: number;
  /** How long a running request may go on when its process is retired, and how long SIGTERM has before SIGKILL. @default 10000 */
  readonly stopTimeoutMs: number;
  /** mod_fcgid's FcgidSpawnScore. @default 1 */
  readonly spawnScore: number;
  /** mod_fcgid's FcgidTerminationScore. @default 2 */
  readonly terminationScore: number;
  /** mod_fcgid's FcgidTimeScore: what each second takes off. @default 1 */
  readonly timeScore: number;
  /** mod_fcgid's FcgidSpawnScoreUpLimit: at this score nothing is started. @default 10 */
  readonly spawnScoreUpLimit: number;
}
