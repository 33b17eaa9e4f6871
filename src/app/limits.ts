// The limits of a running application, with finite defaults.

/** How long things may take and how much may be kept. */
export interface AppLimits {
  /** From the request to the head of its answer. 0: no limit. @default 60000 */
  readonly requestTimeoutMs: number;
  /** How long a handler that was told to stop, and each requestShutdown, is waited for. @default 5000 */
  readonly graceMs: number;
  /** Requests at a time in one thread; the next one is answered with OVERLOADED. @default 1000 */
  readonly maxRequests: number;
  /** Body bytes that `request.text()` and its like gather; a stream has no limit. @default 67108864 */
  readonly maxBodyBytes: number;
  /** After SIGTERM: how long running requests may go on. @default 10000 */
  readonly stopTimeoutMs: number;
}

/** The limits where nothing is said. */
export const defaultAppLimits: AppLimits = {
  requestTimeoutMs: 60_000,
  graceMs: 5_000,
  maxRequests: 1_000,
  maxBodyBytes: 67_108_864,
  stopTimeoutMs: 10_000,
};
