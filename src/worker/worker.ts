// One process that the manager started: its socket, its lanes, its output, and its end.

import type { Readable } from 'node:stream';
import type { Clock, Timer } from '../clock.ts';
import { ClientConnection, type ConnectionOwner } from '../connection/client-connection.ts';
import { ReadBuffers } from '../connection/dial.ts';
import { PosternError, shortages, toPosternError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type Exit, formatExit, unseenExit } from './exit.ts';
import { type Handshake, shakeHands } from './handshake.ts';
import { Lane } from './lane.ts';
import type { LaneEvents, LaneHandle, LaneWorker } from './lane-handle.ts';
import { exitOfChild, type LaneProcess, LaneProcesses, type ProcessEnding } from './lane-process.ts';
import { OutputLines } from './output.ts';
import { isGone, isGroupAlive } from './process-table.ts';
import type { Program } from './program.ts';
import type { Starter, WorkerProcess } from './starter.ts';
import { type WorkerState, workerMoves } from './state.ts';

/** A worker as its owner sees it; a test may bring its own. */
export type WorkerHandle = Omit<Pick<Worker, keyof Worker>, 'addLane' | keyof LaneWorker> & {
  readonly pid: number;
  addLane(events: LaneEvents): LaneHandle;
} & Pick<LaneWorker, 'endOf' | 'endForeign' | 'meet'>;

/** What a worker tells the one who started it; never before `start()` has returned. */
export interface WorkerEvents {
  /** It has a process, which it had not yet when `start()` returned. */
  workerLaunched(worker: WorkerHandle): void;
  /** It has answered its probe: its lanes can be used. */
  workerReady(worker: WorkerHandle): void;
  /** The process that was started is gone, or never came to be; preforked children of it may still be at work. */
  workerExited(worker: WorkerHandle): void;
  /** No process of its group is left. The last event. */
  workerGone(worker: WorkerHandle): void;
}

/** What a worker is made from. */
export interface WorkerOptions {
  readonly program: Program;
  readonly starter: Starter;
  /** Path of its files, without their extensions. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly events: WorkerEvents;
  /** Whether its program is asked FCGI_GET_VALUES at its start: some do not survive it. */
  readonly asksValues: boolean;
}

/** How often a group is looked at whose leader has gone. */
const groupPeriodMs = 20;
/** A program that is asked nothing at its start is taken for ready when it has lived so long. */
const unaskedMs = 200;
/** A process that ends at its start is told of so much later: what it said, and which connection it closed, may be read after its end is seen. */
const lastWordsMs = 10;
/** Between two probes of a program that has not answered the first. */
const probeAgainMs = 50;
/** After SIGKILL: what is still there then hangs in the kernel, and nothing can be done about it. */
const giveUpMs = 2_000;

export class Worker implements LaneWorker {
  readonly program: Program;
  readonly #buffers = new ReadBuffers();
  readonly #options: WorkerOptions;
  #process: WorkerProcess | null = null;
  #startedAtMs = 0;
  #exit: Exit | null = null;
  #failure: PosternError | null = null;
  #state: WorkerState = 'new';
  #handshake: Handshake | null = null;
  #diedAtQuestion = false;
  #stopping: Timer | null = null;
  #stopSignal: NodeJS.Signals | null = null;
  /** When what is left of it is killed; Infinity: it was not asked to end. */
  #killAtMs = Number.POSITIVE_INFINITY;
  #watch: Timer | null = null;
  readonly #output: OutputLines[] = [];
  #firstLane: Lane | null = null;
  readonly #processes = new LaneProcesses();

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.program = options.program;
  }

  /** Process id; 0 while there is no process. Also the id of its process group. */
  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Where its socket is; empty while there is no process. */
  get socketPath(): string {
    return this.#process?.socketPath ?? '';
  }

  get startedAtMs(): number {
    return this.#startedAtMs;
  }

  get state(): WorkerState {
    return this.#state;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  /** Whether the process that was started has ended, or never came to be. */
  get hasExited(): boolean {
    return this.#state === 'exited' || this.#state === 'gone';
  }

  /** Whether it could not be started for want of processes, memory or descriptors: that is no fault of its program. */
  get isShortage(): boolean {
    const cause = this.#failure?.cause as NodeJS.ErrnoException | undefined;
    return this.pid === 0 && shortages.has(((cause?.cause ?? cause) as NodeJS.ErrnoException | undefined)?.code);
  }

  /** Whether it ended when it was asked FCGI_GET_VALUES, as Ruby's fcgi library does. */
  get diedAtQuestion(): boolean {
    return this.#diedAtQuestion;
  }

  /** How it ended: null while it runs, and where it could not be started. */
  get exit(): Exit | null {
    return this.#exit;
  }

  /** What became of it, in words: "exit 255: cannot open config", or why it could not be started. */
  get ending(): string {
    if (this.#failure) return this.#failure.message;
    const said = this.#output.map((lines) => lines.last).find((line) => line !== '');
    const how = this.#exit ? formatExit(this.#exit) : 'running';
    return said === undefined ? how : `${how}: ${said}`;
  }

  /** Starts the process. Failing to is an event, as every other end is. */
  start(): void {
    const { starter, program, clock, log, path } = this.#options;
    this.#startedAtMs = clock.now();
    this.#move('starting');
    try {
      this.#process = starter.startWorker(program, path, log);
    } catch (error) {
      this.#failure = toPosternError(error);
      setImmediate(() => this.#ended());
      return;
    }
    const started = this.#process;
    started.once('error', (cause) => this.#notStarted(cause));
    started.once('exit', (code, signal) => {
      this.#exit = { code, signal };
      // What it said before it ended may be read only after that is told: it names why a program does not start.
      if (this.#state === 'starting') setTimeout(() => this.#ended(), lastWordsMs);
      else this.#ended();
    });
    if (this.pid !== 0) this.#started();
    else {
      started.once('spawn', () => {
        this.#started();
        this.#options.events.workerLaunched(this);
      });
    }
  }

  /** Another lane to this worker, not connected yet. @param events who has the lane, and is told of it */
  addLane(events: LaneEvents): Lane {
    const lane = new Lane(this, events);
    this.#firstLane ??= lane;
    return lane;
  }

  /** See LaneWorker. */
  connect(owner: ConnectionOwner): ClientConnection {
    const { clock } = this.#options;
    const buffers = this.#buffers;
    return ClientConnection.open({ kind: 'unix', path: this.socketPath }, owner, {
      clock,
      tellsFailures: false,
      buffers,
    });
  }

  /** See LaneWorker. */
  meet(pid: number): LaneProcess {
    this.#processes.prune(2 * this.program.lanesPerWorker);
    if (!this.#processes.has(pid)) this.#process?.met(pid, this.#processes.pids);
    return this.#processes.meet(pid, this.#options.clock.now());
  }

  /** See LaneWorker. */
  endForeign(pid: number): boolean {
    return this.#process?.endForeign(pid) ?? false;
  }

  /** See LaneWorker. */
  endOf(process: LaneProcess | null): ProcessEnding | null {
    const { preforks } = this.program;
    const exit = preforks ? exitOfChild(process) : this.hasExited ? (this.#exit ?? unseenExit) : null;
    return exit === null ? null : this.#processes.judge(exit);
  }

  /** Whether a process of a lane has ended, though its connection may stand. */
  hasEnded(pid: number): boolean {
    return isGone(pid);
  }

  /** A process of a lane has ended. */
  forget(process: LaneProcess): void {
    this.#processes.forget(process);
  }

  /** Asks it to leave, and sends SIGKILL to the whole group after the grace. Repeatable; of several the first end counts. */
  stop(graceMs: number, signal: NodeJS.Signals = 'SIGTERM'): void {
    if (this.#state === 'gone') return;
    if (this.hasExited) {
      this.#endGroup(graceMs);
      return;
    }
    if (signal !== this.#stopSignal) this.#process?.signal(signal);
    this.#stopSignal = signal;
    this.#killWithin(graceMs);
  }

  /** SIGKILL to the whole group. */
  kill(): void {
    // Its id may be given to another group by now.
    if (this.#state === 'gone') return;
    this.#process?.signalGroup('SIGKILL');
    if (this.hasExited) this.#endGroup(0);
  }

  /** Ends the process of a lane at once, and what it had started. */
  killProcess({ pid }: LaneProcess): void {
    this.#process?.signalChild(pid, 'SIGKILL', true);
  }

  /** Sends a signal to the process of a lane, unless it has ended. */
  signal({ pid }: LaneProcess, signal: NodeJS.Signals): void {
    this.#process?.signalChild(pid, signal, false);
  }

  #move(to: WorkerState): void {
    if (!workerMoves[this.#state].includes(to)) {
      throw new Error(`worker ${this.pid} cannot go from ${this.#state} to ${to}`);
    }
    this.#state = to;
  }

  #started(): void {
    this.#log('stderr');
    this.#log('stdout');
    this.#askReadiness();
  }

  #notStarted(cause: Error): void {
    if (this.hasExited) return;
    const message = `${this.program.command[0]} could not be started: ${cause.message}`;
    this.#failure = cause instanceof PosternError ? cause : new PosternError('LAUNCH_FAILED', message, { cause });
    this.#ended();
  }

  #log(name: 'stderr' | 'stdout'): void {
    const { log, clock, program } = this.#options;
    const { pid } = this;
    const lines = new OutputLines((line) => log.warn({ pool: program.name, pid, stream: name }, line), clock);
    this.#output.push(lines);
    const stream: Readable | null = this.#process?.[name] ?? null;
    stream?.on('data', (chunk: Buffer) => lines.write(chunk));
    stream?.once('end', () => lines.end());
    stream?.on('error', () => {});
  }

  #askReadiness(): void {
    const { clock } = this.#options;
    const { probe, answersValues = false } = this.program;
    if (probe === null && !this.#options.asksValues) clock.after(unaskedMs, () => this.#ready());
    else if (probe === null) {
      this.#handshake = shakeHands(this.socketPath, answersValues, clock, () => this.#ready());
    } else this.#firstLane?.probe((error) => this.#probed(error));
  }

  /** The connection that was probed is the first lane's, and stays so. */
  #probed(error: PosternError | null): void {
    const { clock } = this.#options;
    if (error === null) this.#ready();
    else if (this.hasExited) return;
    else if (error.code === 'PROTOCOL_ERROR' || error.code === 'ANSWER_INVALID') {
      this.#failure = error;
      this.#process?.signalGroup('SIGKILL');
    } else {
      // The child that took it has died, or the process is about to: its end would be told before the next try.
      clock.after(probeAgainMs, () => {
        if (!this.hasExited && !this.#stopping) this.#askReadiness();
      });
    }
  }

  #ready(): void {
    if (this.#state !== 'starting') return;
    this.#move('ready');
    this.#options.events.workerReady(this);
  }

  /** The process has ended, or never began. What it started may still run: the owner says when that is to end. */
  #ended(): void {
    if (this.hasExited) return;
    const wasStarting = this.#state === 'starting';
    this.#move('exited');
    this.#handshake?.cancel();
    this.#diedAtQuestion = wasStarting && (this.#handshake?.wasClosed ?? false);
    const wasStopping = this.#stopping !== null;
    this.#options.events.workerExited(this);
    if (this.pid === 0 || !isGroupAlive(this.pid)) this.#gone();
    else if (wasStopping) this.#endGroup(0);
  }

  /** SIGKILL to the whole group after so long, or sooner where that was said before. */
  #killWithin(graceMs: number): void {
    const { clock } = this.#options;
    const killAtMs = clock.now() + graceMs;
    if (killAtMs >= this.#killAtMs) return;
    this.#killAtMs = killAtMs;
    this.#stopping?.cancel();
    this.#stopping = clock.after(graceMs, () => this.#process?.signalGroup('SIGKILL'));
  }

  /** Ends what the process left in its group, and watches until it is gone. */
  #endGroup(graceMs: number): void {
    if (this.#state === 'gone') return;
    this.#killWithin(graceMs);
    if (this.#watch) return;
    const { clock, log, program } = this.#options;
    this.#process?.signalGroup('SIGTERM');
    this.#watch = clock.every(groupPeriodMs, () => {
      if (isGroupAlive(this.pid)) {
        if (clock.now() < this.#killAtMs + giveUpMs) return;
        log.error(
          { pool: program.name, pid: this.pid },
          `process group ${this.pid} does not end after SIGKILL: look at it with ps`,
        );
      }
      this.#gone();
    });
  }

  #gone(): void {
    if (this.#state === 'gone') return;
    this.#move('gone');
    this.#stopping?.cancel();
    this.#watch?.cancel();
    this.#process?.clear();
    this.#options.events.workerGone(this);
  }
}
