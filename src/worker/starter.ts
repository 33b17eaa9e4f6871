// What starts programs for a pool: this process itself (`spawner.ts`), or one that may do more for it.

import type { Readable, Writable } from 'node:stream';
import type { Log } from '../log.ts';
import type { Program } from './program.ts';

/** Starts programs. */
export interface Starter {
  /**
   * Starts a worker, with a socket that listens as its fd 0.
   * @param path of its files, without their extensions, for a starter of this process
   * @param log told of what goes wrong beside the start
   * @throws LAUNCH_FAILED; what shows only later is an 'error' of the process
   */
  startWorker(program: Program, path: string, log: Log): WorkerProcess;
  /**
   * Starts a CGI program, with a pipe as its stdin.
   * @throws LAUNCH_FAILED, PROGRAM_NOT_STARTED; what shows only later is an 'error' of the process
   */
  startCgi(start: CgiStart): StartedProcess;
}

/** A CGI program to be started. Byte strings, but for the pool and the user. */
export interface CgiStart {
  /** Name of the pool that runs it. */
  readonly pool: string;
  /** The program's file; it runs in the folder of it. */
  readonly path: string;
  /** Its whole environment. */
  readonly variables: Readonly<Record<string, string>>;
  /** User to run as; null: as whoever starts it. */
  readonly user: string | null;
  /** See `Program.launchKey`. */
  readonly launchKey?: string | undefined;
}

/** A process that leads a process group of its own. What can be sent signals is it and what it has started. */
export interface StartedProcess {
  /** 0: there is none yet ('spawn' tells when there is), or there never was one ('error'). */
  readonly pid: number;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  once(event: 'spawn', listener: () => void): unknown;
  /** It could not be started. */
  once(event: 'error', listener: (error: Error) => void): unknown;
  once(event: 'exit', listener: (code: number | null, signal: NodeJS.Signals | null) => void): unknown;
  /** Sends a signal to it. Like the next two it does nothing where there is nobody to send it to. */
  signal(signal: NodeJS.Signals): void;
  /** To all of its process group. */
  signalGroup(signal: NodeJS.Signals): void;
  /** To one that it has started, and what is below that; `isTree` false: to that alone. */
  signalChild(pid: number, signal: NodeJS.Signals, isTree: boolean): void;
}

/** A worker's process, with what is kept for it on disk. */
export interface WorkerProcess extends StartedProcess {
  /** Where its socket is; empty while it has no process. */
  readonly socketPath: string;
  /** A process that serves one of its lanes is known now. @param known all that are */
  met(pid: number, known: Iterable<number>): void;
  /**
   * Ends a process that serves its socket without being a child of it.
   * @returns false when it is the worker's own, or nothing that the worker has started
   */
  endForeign(pid: number): boolean;
  /** No process of its group is left: ends what left the group, removes its files. */
  clear(): void;
}

/** Starts what has a launch key by one starter, and all else by another. */
export function starterByKey(own: Starter, launcher: Starter): Starter {
  return {
    startWorker: (program, path, log) =>
      (program.launchKey === undefined ? own : launcher).startWorker(program, path, log),
    startCgi: (start) => (start.launchKey === undefined ? own : launcher).startCgi(start),
  };
}
