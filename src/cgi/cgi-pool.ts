// A pool of plain CGI programs: the file that SCRIPT_FILENAME names, one process a request (RFC 3875). Its queue, and its slots.

import type { Clock } from '../clock.ts';
import type { Backend, CgiRequest, CgiSink, Exchange } from '../protocol/cgi/exchange.ts';
import { operated, type PoolSnapshot, runningRows, withoutWorkers } from '../queue/pool-snapshot.ts';
import { Queue } from '../queue/queue.ts';
import type { QueueCounters } from '../queue/queue-books.ts';
import type { QueueLimits } from '../queue/queue-limits.ts';
import { lookAtProcess } from '../worker/process-look.ts';
import type { CgiRun } from './cgi-run.ts';
import type { CgiLimits, CgiParts, CgiSettings } from './cgi-settings.ts';
import { ProcessSlots } from './process-slots.ts';

/** At most `workers` processes run; `queue` requests wait for `queueTimeoutMs` each. */
export class CgiPool implements Backend {
  readonly name: string;
  readonly #clock: Clock;
  readonly #slots: ProcessSlots;
  readonly #queue: Queue<CgiRun>;
  readonly #startedAt: number;

  constructor(options: CgiParts & CgiSettings) {
    const { name, limits, clock, log, share } = options;
    this.name = name;
    this.#clock = clock;
    this.#startedAt = clock.wall();
    this.#slots = new ProcessSlots(options, () => this.#queue);
    const ofQueue = queueLimits(limits);
    this.#queue = new Queue({
      ...share,
      name,
      provider: this.#slots,
      limits: ofQueue,
      clock,
      log,
      look: lookAtProcess,
    });
  }

  get queue(): Queue<CgiRun> {
    return this.#queue;
  }

  get counters(): QueueCounters {
    return this.#queue.counters.snapshot();
  }

  /** Processes that live: those of requests, and those that work on after their answer. */
  get processes(): number {
    return this.#slots.length;
  }

  /** What runs at this moment. */
  snapshot(): PoolSnapshot {
    const { workers, queue } = this.#slots.settings.limits;
    const nowMs = this.#clock.now();
    const running = runningRows(this.#queue, nowMs);
    return {
      ...withoutWorkers,
      ...this.#slots.ends(this.#clock.wall() - nowMs),
      name: this.name,
      kind: 'cgi',
      manager: 'ondemand',
      program: 'plain CGI, one process a request',
      startedAt: this.#startedAt,
      workers,
      queue,
      ...operated(this.#queue),
      lanes: [...running, ...this.#slots.rowsAfterAnswer(running.length, nowMs)],
    };
  }

  run(request: CgiRequest, sink: CgiSink): Exchange {
    return this.#queue.run(request, sink);
  }

  /** From now on these hold; what runs is not touched. */
  use(settings: CgiSettings): void {
    this.#slots.use(settings);
    this.#queue.use(queueLimits(settings.limits));
  }

  /**
   * Refuses new requests, serves those it has; resolves when they are over and every process is gone. Repeatable.
   * @param deadlineMs after so long what is left is ended. @default stopTimeoutMs
   */
  async close(deadlineMs: number = this.#slots.settings.limits.stopTimeoutMs): Promise<void> {
    const isOver = this.#queue.close(deadlineMs);
    // After the queue's own deadline, which takes the requests from their slots: what is left then works on after its answer.
    const late = this.#clock.after(deadlineMs, () => this.#slots.stop());
    await isOver;
    await this.#slots.empty();
    late.cancel();
  }

  /** Ends every program now; their requests fail. Resolves when the last process is gone. Repeatable. */
  async destroy(): Promise<void> {
    void this.#queue.destroy();
    this.#slots.destroy();
    await this.#slots.empty();
  }
}

function queueLimits({ workers, stopTimeoutMs: _, ...limits }: CgiLimits): QueueLimits {
  return { seats: workers, ...limits };
}
