// The slots of a CGI pool as seats of its queue: a slot is taken from before its process starts until that process is gone.

import { OwnPermits, type Permits, type PermitUser } from '../queue/permits.ts';
import {
  aboutRequest,
  type LaneSnapshot,
  type PoolSnapshot,
  type StopReason,
  showBytes,
  withoutWorkers,
} from '../queue/pool-snapshot.ts';
import { type ProcessEndRecord, ProcessEnds } from '../queue/process-ends.ts';
import type { SeatOutcome, SeatProvider } from '../queue/seat.ts';
import { CgiRun } from './cgi-run.ts';
import type { CgiParts, CgiSettings } from './cgi-settings.ts';

export class ProcessSlots implements SeatProvider<CgiRun> {
  readonly words = { seat: 'process slot', limit: 'workers', signal: 'SIGTERM' };
  readonly #parts: CgiParts;
  readonly #queue: () => PermitUser['queue'];
  readonly #permits: Permits;
  readonly #runs = new Set<CgiRun>();
  #settings: CgiSettings;
  /** Processes that have been, and those whose end was no end of their own after an answer. */
  #started = 0;
  readonly #ended: Record<StopReason, number> = { ...withoutWorkers.ended };
  readonly #ends = new ProcessEnds();
  #whenEmpty: (() => void)[] = [];

  /** @param queue what the slots are for; not asked for before one was */
  constructor(options: CgiParts & CgiSettings, queue: () => PermitUser['queue']) {
    this.#parts = options;
    this.#settings = options;
    this.#queue = queue;
    const user: PermitUser = {
      get queue() {
        return queue();
      },
      closeKept() {},
      clock: options.clock,
    };
    this.#permits = options.share?.permitsFor(user) ?? new OwnPermits(options.limits.workers);
  }

  /** How many are taken. */
  get length(): number {
    return this.#runs.size;
  }

  get settings(): CgiSettings {
    return this.#settings;
  }

  /** For processes that start from now on. */
  use(settings: CgiSettings): void {
    this.#settings = settings;
    this.#permits.use(settings.limits.workers);
  }

  take(): CgiRun | null {
    const permit = this.#permits.take();
    if (permit === null) return null;
    const started = (pid: number): void => this.#permits.runs(permit, pid);
    const run = new CgiRun(this.#parts, this.#settings, started, (isReleased, end) => {
      this.#permits.runs(permit, 0);
      this.#runs.delete(run);
      if (run.pid > 0) this.#started += 1;
      if (end !== null) this.#noteEnd(end);
      this.#permits.giveBack(permit, false);
      // No request gives it back: its process worked on after its answer, or was being ended.
      if (isReleased) this.#queue().serve();
      if (this.#runs.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
    });
    this.#runs.add(run);
    return run;
  }

  giveBack(run: CgiRun, { code }: SeatOutcome): void {
    run.dismiss(code);
  }

  /** What became of its processes. @param sinceEpochMs see `ProcessEnds.snapshot` */
  ends(sinceEpochMs: number): Pick<PoolSnapshot, 'spawned' | 'ended' | 'lastEnds'> {
    const running = [...this.#runs].filter(({ pid }) => pid > 0).length;
    return {
      spawned: this.#started + running,
      ended: { ...this.#ended },
      lastEnds: this.#ends.snapshot(sinceEpochMs),
    };
  }

  #noteEnd(end: ProcessEndRecord): void {
    this.#ended[end.reason] += 1;
    this.#ends.note(end);
  }

  /** There is nothing to get ready: a process is started for a request. */
  wanted(waiting: number): void {
    this.#permits.wanted(waiting);
  }

  isComing(beyond: number): boolean {
    return this.#permits.isComing(beyond);
  }

  /** Every request has a process of its own, and one that failed says nothing of the next; but the program is the same. */
  hasOther(): boolean {
    return false;
  }

  /** The processes that work on after their answer, as rows of the scoreboard. @param from number of the first one */
  rowsAfterAnswer(from: number, nowMs: number): LaneSnapshot[] {
    const rows: LaneSnapshot[] = [];
    for (const { afterAnswer, pid } of this.#runs) {
      if (afterAnswer === null) continue;
      const { request, startedAtMs, sinceMs } = afterAnswer;
      rows.push({
        lane: from + rows.length,
        pid,
        workerPid: pid,
        thread: 0,
        generation: 1,
        state: 'draining',
        reason: null,
        requests: 1,
        ageMs: nowMs - startedAtMs,
        sinceMs: nowMs - sinceMs,
        method: showBytes(request.method),
        url: showBytes(request.url),
        request: 0,
        ...aboutRequest(request.environment),
        waitedMs: 0,
        runMs: sinceMs - startedAtMs,
        memoryBytes: 0,
        cpuMs: 0,
        workedMs: 0,
      });
    }
    return rows;
  }

  /** Resolves when no process is left. */
  empty(): Promise<void> {
    if (this.#runs.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenEmpty.push(resolve));
  }

  /** Asks every process to leave, and ends it after stopTimeout. */
  stop(): void {
    for (const run of this.#runs) run.stop();
  }

  /** Ends every process at once. */
  destroy(): void {
    for (const run of this.#runs) run.destroy();
  }
}
