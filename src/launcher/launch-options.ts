// What a launcher is made with, and what it acts on of a configuration: whoever reads configurations makes it.

import type { Log } from '../log.ts';
import type { Spawner } from '../worker/spawner.ts';
import type { ConfiguredAddress, HeldSockets } from './held-sockets.ts';
import type { LaunchPlan } from './launched-programs.ts';
import type { ServiceStart } from './service-process.ts';

/** What of a configuration the launcher acts on. */
export interface LaunchConfig {
  readonly addresses: readonly ConfiguredAddress[];
  /** Descriptors of each socket that a service is given at its start: one for each front thread. */
  readonly copies: number;
  readonly pools: readonly LaunchPlan[];
  /** Absolute paths of key files. */
  readonly files: readonly string[];
  /** All that was read, for the service. JSON. */
  readonly config: unknown;
}

/** What it is made with. */
export interface LauncherOptions {
  readonly spawner: Spawner;
  /** Addresses are bound already, as the first service has them. */
  readonly sockets: HeldSockets;
  /** How each service is started. */
  readonly start: ServiceStart;
  /** A folder of this process, which the service's group may pass through. */
  readonly directory: string;
  readonly log: Log;
  /** Takes the lines of the service's log, where it is a file; null: they go to standard output. */
  readonly takeLog: ((lines: Buffer) => void) | null;
  /** Reads the configuration again, by itself. @throws CONFIG_INVALID */
  readonly read: () => Promise<LaunchConfig>;
  readonly extra: unknown;
}
