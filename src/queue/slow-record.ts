// What is noted of a request that ran too long, and of the process that has it. Pure.

/** What a process is doing at one moment. */
export interface ProcessLook {
  /** One letter, as in ps(1): "R" runs, "S" sleeps, "D" waits for a disk, "T" is stopped, "Z" has ended. */
  readonly state: string;
  /** The function of the kernel that it waits in: "do_poll", "futex_wait_queue"; empty: none, or we may not know. */
  readonly waitChannel: string;
  /** Open files by kind. */
  readonly files: Readonly<Record<'socket' | 'pipe' | 'file' | 'other', number>>;
  /** CPU time since it was started, and resident memory of its own. */
  readonly cpuMs: number;
  readonly memoryBytes: number;
}

/** Looks at a process; null: there is none, or nothing is to be seen. */
export type LookAtProcess = (pid: number) => ProcessLook | null;

/** One slow request. Texts are escaped and safe to show; credentials are blanked. */
export interface SlowRequest {
  /** Counted from 1 for each pool. */
  readonly number: number;
  /** When it was found, in milliseconds since 1970. */
  readonly at: number;
  readonly pool: string;
  readonly method: string;
  readonly url: string;
  /** The file that it runs; empty: none. */
  readonly script: string;
  /** 0: no process is known. */
  readonly pid: number;
  readonly attempts: number;
  /** Time in each stage until it was found: for a worker, in the program, held back by a slow client. */
  readonly waitedMs: number;
  readonly ranMs: number;
  readonly heldMs: number;
  /** Whether its answer had begun. */
  readonly hasAnswered: boolean;
  readonly process: ProcessLook | null;
  /** The last lines that the program had written on STDERR. */
  readonly lastWords: readonly string[];
  /** How long it ran in all, and why it failed; null while it runs, and where it did not. */
  readonly totalMs: number | null;
  readonly error: string | null;
}

/** One that is written until its end. */
export type SlowRecord = { -readonly [Key in keyof SlowRequest]: SlowRequest[Key] };
