// A worker without a process, which a test starts, makes ready and ends by hand.

import type { ClientConnection, ConnectionOwner } from '../../src/connection/client-connection.ts';
import type { Generation } from '../../src/pool/generation.ts';
import { type Exit, formatExit } from '../../src/worker/exit.ts';
import { Lane } from '../../src/worker/lane.ts';
import type { LaneProcess } from '../../src/worker/lane-process.ts';
import type { Program } from '../../src/worker/program.ts';
import type { WorkerEvents, WorkerHandle } from '../../src/worker/worker.ts';
import type { FakeClock } from './fake-clock.ts';

export class FakeWorker implements WorkerHandle {
  readonly program: Program;
  readonly socketPath = '/nowhere';
  readonly pid: number;
  readonly startedAtMs: number;
  isReady = false;
  hasExited = false;
  isGone = false;
  exit: Exit | null = null;
  /** What it was asked, in order: "SIGTERM", "SIGKILL". */
  readonly asked: string[] = [];
  readonly #events: WorkerEvents;

  constructor(pid: number, program: Program, events: WorkerEvents, nowMs: number) {
    this.pid = pid;
    this.program = program;
    this.startedAtMs = nowMs;
    this.#events = events;
  }

  get ending(): string {
    return this.exit ? formatExit(this.exit) : 'running';
  }

  start(): void {}

  addLane(): Lane {
    return new Lane(this, this.#events);
  }

  connect(_owner: ConnectionOwner): ClientConnection {
    throw new Error('a fake worker takes no connection');
  }

  meet(pid: number): LaneProcess {
    return { pid, sinceMs: this.startedAtMs, requests: 0 };
  }

  forget(_process: LaneProcess): void {}

  stop(_graceMs: number, signal: NodeJS.Signals = 'SIGTERM'): void {
    if (!this.asked.includes(signal)) this.asked.push(signal);
  }

  kill(): void {
    if (!this.asked.includes('SIGKILL')) this.asked.push('SIGKILL');
  }

  signal(_process: LaneProcess, signal: NodeJS.Signals): boolean {
    this.asked.push(signal);
    return true;
  }

  /** It answers its probe. */
  becomeReady(): void {
    if (this.isReady || this.hasExited) return;
    this.isReady = true;
    this.#events.workerReady(this);
  }

  /** Its process ends, and nothing of it stays. */
  end(exit: Exit = { code: 0, signal: null }): void {
    if (this.hasExited) return;
    this.exit = exit;
    this.hasExited = true;
    this.#events.workerExited(this);
    this.isGone = true;
    this.#events.workerGone(this);
  }
}

/** Makes fake workers for a pool, and keeps them. */
export class FakeHiring {
  readonly workers: FakeWorker[] = [];
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  readonly hire = (generation: Generation, events: WorkerEvents): FakeWorker => {
    // Above any process id of Linux: nothing that lives is looked at by mistake.
    const worker = new FakeWorker(5_000_000 + this.workers.length, generation.program, events, this.#clock.now());
    this.workers.push(worker);
    return worker;
  };

  /** Those that have not ended. */
  get living(): FakeWorker[] {
    return this.workers.filter((worker) => !worker.hasExited);
  }

  /** Those whose program has not answered yet. */
  get starting(): FakeWorker[] {
    return this.living.filter((worker) => !worker.isReady);
  }

  /** All that wait for it become ready. */
  readyAll(): void {
    for (const worker of this.starting) worker.becomeReady();
  }
}
