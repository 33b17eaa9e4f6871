// A worker without a process, which a test starts, makes ready and ends by hand, and its lanes, which it answers and breaks.

import type { CgiRequest } from '../../src/protocol/cgi/exchange.ts';
import { type Exit, endOf, formatExit } from '../../src/worker/exit.ts';
import type { LaneEvents, LaneHandle } from '../../src/worker/lane-handle.ts';
import type { LaneProcess } from '../../src/worker/lane-process.ts';
import type { Program } from '../../src/worker/program.ts';
import type { WorkerState } from '../../src/worker/state.ts';
import type { WorkerEvents, WorkerHandle } from '../../src/worker/worker.ts';
import type { FakeClock } from './fake-clock.ts';
import { FakeSeat } from './fake-seats.ts';

/** Above any process id of Linux: nothing that lives is looked at by mistake. */
let nextPid = 5_000_000;

export class FakeLane extends FakeSeat implements LaneHandle {
  slot = -1;
  process: LaneProcess | null = null;
  exit: Exit | null = null;
  isConnected = false;
  readonly worker: FakeWorker;
  readonly events: LaneEvents;

  constructor(worker: FakeWorker, events: LaneEvents) {
    super(worker.pid);
    this.worker = worker;
    this.events = events;
  }

  override run(...given: Parameters<FakeSeat['run']>): void {
    if (this.process === null) {
      this.process = this.worker.meet();
      this.events.laneKnown(this);
    }
    this.exit = null;
    this.isConnected = true;
    super.run(...given);
  }

  override answer(...given: Parameters<FakeSeat['answer']>): void {
    this.#count();
    super.answer(...given);
  }

  /** The process behind it ends under its request. */
  die(exit: Exit): void {
    this.exit = exit;
    this.processEnd = endOf(exit, false);
    if (this.process !== null) this.worker.ended.add(this.process.pid);
    this.fail('CONNECTION_LOST');
  }

  break(): void {
    this.fail('CONNECTION_LOST');
  }

  override fail(...given: Parameters<FakeSeat['fail']>): void {
    this.isConnected = given[1] ?? false;
    this.#count();
    super.fail(...given);
  }

  /** Its request comes to its end here: a program may have begun it, unless nothing was sent, or the process was about to leave. */
  #count(): void {
    const { begun } = this.worker;
    if (this.request !== null && this.progress !== 'unsent' && this.processEnd !== 'left')
      begun.set(this.request, (begun.get(this.request) ?? 0) + 1);
  }

  close(): void {
    this.isConnected = false;
    this.user = null;
    this.request = null;
    if (this.worker.program.preforks) this.process = null;
  }
}

export class FakeWorker implements WorkerHandle {
  readonly program: Program;
  readonly socketPath = '/nowhere';
  readonly pid: number;
  readonly startedAtMs: number;
  readonly lanes: FakeLane[] = [];
  state: WorkerState = 'new';
  exit: Exit | null = null;
  isShortage = false;
  /** Whether its children end for nothing but SIGKILL. */
  isDeaf = false;
  diedAtQuestion = false;
  /** What it was asked, in order: "SIGTERM", "SIGKILL". */
  readonly asked: string[] = [];
  /** Children that have ended. */
  readonly ended = new Set<number>();
  /** How often a program has begun each request: counted for all workers of a pool. */
  begun = new Map<CgiRequest, number>();
  /** Told when its process ends. */
  onEnd = (): void => {};
  readonly #events: WorkerEvents;

  constructor(program: Program, events: WorkerEvents, nowMs: number) {
    nextPid += 1;
    this.pid = nextPid;
    this.program = program;
    this.startedAtMs = nowMs;
    this.#events = events;
  }

  get hasExited(): boolean {
    return this.state === 'exited' || this.state === 'gone';
  }

  get ending(): string {
    return this.exit ? formatExit(this.exit) : 'running';
  }

  start(): void {
    this.state = 'starting';
  }

  addLane(events: LaneEvents): FakeLane {
    const lane = new FakeLane(this, events);
    this.lanes.push(lane);
    return lane;
  }

  meet(pid: number = this.nextChild()): LaneProcess {
    return { pid, sinceMs: this.startedAtMs, requests: 0, workedMs: 0 };
  }

  /** The process that takes its next connection. */
  nextChild(): number {
    if (this.program.preforks) nextPid += 1;
    return this.program.preforks ? nextPid : this.pid;
  }

  endForeign(): boolean {
    return false;
  }

  hasEnded(pid: number): boolean {
    return this.ended.has(pid) || (pid === this.pid && this.hasExited);
  }

  endOf(process: LaneProcess | null): { exit: Exit; end: 'killed' } | null {
    if (process === null || !this.hasEnded(process.pid)) return null;
    return { exit: { code: null, signal: 'SIGKILL' }, end: 'killed' };
  }

  forget(process: LaneProcess): void {
    this.ended.delete(process.pid);
  }

  stop(_graceMs: number, signal: NodeJS.Signals = 'SIGTERM'): void {
    if (!this.asked.includes(signal)) this.asked.push(signal);
    // What stays of its group is ended by the real one.
    if (this.state === 'exited') this.vanish();
  }

  kill(): void {
    if (!this.asked.includes('SIGKILL')) this.asked.push('SIGKILL');
    if (this.state === 'exited') this.vanish();
  }

  killProcess(process: LaneProcess): void {
    this.signal(process, 'SIGKILL');
  }

  signal(process: LaneProcess, signal: NodeJS.Signals): boolean {
    this.asked.push(`child ${signal}`);
    if (!this.isDeaf || signal === 'SIGKILL') this.ended.add(process.pid);
    return true;
  }

  /** It answers its probe. */
  becomeReady(): void {
    if (this.state !== 'starting') return;
    this.state = 'ready';
    this.#events.workerReady(this);
  }

  /** A free lane's connection is closed by its child. */
  lose(lane: FakeLane, isDead: boolean): void {
    const { process } = lane;
    if (process === null || lane.user !== null) return;
    if (isDead) this.ended.add(process.pid);
    lane.process = null;
    lane.isConnected = false;
    lane.events.laneLost(lane, process);
  }

  /** Its process ends. @param isWhole whether nothing of its group stays */
  end(exit: Exit = { code: 0, signal: null }, isWhole = true): void {
    if (this.hasExited) return;
    this.exit = exit;
    this.state = 'exited';
    this.onEnd();
    const isPreforked = this.program.preforks;
    this.#events.workerExited(this);
    if (isPreforked && !isWhole) return;
    for (const lane of this.lanes) if (lane.user !== null) lane.die(exit);
    this.vanish();
  }

  /** Nothing of its group is left. */
  vanish(): void {
    if (this.state !== 'exited') return;
    this.state = 'gone';
    for (const lane of this.lanes) if (lane.user !== null) lane.die(this.exit!);
    this.#events.workerGone(this);
  }
}

/** Makes fake workers for a pool, and keeps them. */
export class FakeWorkers {
  readonly workers: FakeWorker[] = [];
  /** How often a program has begun each request. */
  readonly begun = new Map<CgiRequest, number>();
  /** When one ended last; -1: none has. */
  endedAtMs = -1;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  readonly make = (program: Program, events: WorkerEvents): FakeWorker => {
    const worker = new FakeWorker(program, events, this.#clock.now());
    worker.begun = this.begun;
    worker.onEnd = () => {
      this.endedAtMs = this.#clock.now();
    };
    this.workers.push(worker);
    return worker;
  };

  /** Those that have not ended. */
  get living(): FakeWorker[] {
    return this.workers.filter((worker) => !worker.hasExited);
  }

  /** Those whose program has not answered yet. */
  get starting(): FakeWorker[] {
    return this.living.filter(({ state }) => state === 'starting');
  }

  /** Lanes with a request, in the order of their workers. */
  get busy(): FakeLane[] {
    return this.workers.flatMap(({ lanes }) => lanes).filter(({ user }) => user !== null);
  }

  /** All that wait for it become ready. */
  readyAll(): void {
    for (const worker of this.starting) worker.becomeReady();
  }
}
