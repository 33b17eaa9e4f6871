// What a service without rights has done for it by one that has them: see `launcher/`.

import type { Config } from '../config/config.ts';
import type { Binder } from '../connection/listen.ts';
import type { RelayEnd } from '../launcher/launch-relay.ts';
import type { Php } from '../php/find-php.ts';
import type { ShellGuard } from '../worker/guard.ts';
import type { Program } from '../worker/program.ts';
import type { Starter } from '../worker/starter.ts';

/** Does it. */
export interface Privileged {
  /** Its process id. */
  readonly launcher: number;
  /** Of the service's process, where it stands by already. */
  readonly guard: ShellGuard;
  /** Path of a setpriv(1) that does what is asked of it. */
  readonly setpriv: string;
  /** Binds the sockets that the service listens on. */
  readonly binder: Binder;
  /** Starts the programs that have a launch key. */
  readonly starter: Starter;
  /** A way for a front thread to have CGI programs started: the port goes over to it. */
  relay(): RelayEnd;
  /** Pools of a configuration whose programs it starts, by name. */
  launchedPools(config: Config): LaunchedPools;
  /** Reads the configuration again. @throws CONFIG_INVALID */
  readConfig(): Promise<Config>;
  /** What was read last is in force, or will not be. */
  settled(isInForce: boolean): void;
  /** The content of a key or certificate file that the configuration names. @throws CONFIG_INVALID */
  readFile(path: string): Promise<Buffer>;
  /** The service ends, and is not to be started again. */
  stopping(): void;
}

/** What is known of a pool whose programs the launcher starts. JSON. */
export interface LaunchedPlan {
  /** Names its program to the one who starts it. */
  readonly key: string;
  /** null: plain CGI. */
  readonly program: Program | null;
  /** null where the program is not PHP. */
  readonly php: Php | null;
  readonly warnings: readonly string[];
}

/** By pool. */
export type LaunchedPools = ReadonlyMap<string, LaunchedPlan>;
