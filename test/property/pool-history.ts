// Random histories of a pool: requests, deaths, reloads and time, with the invariants checked after each step.

import assert from 'node:assert/strict';
import { PosternError } from '../../src/errors.ts';
import { Pool } from '../../src/pool/pool.ts';
import type { PoolLimits } from '../../src/pool/pool-state.ts';
import type { Attempt } from '../../src/queue/attempt.ts';
import type { Program } from '../../src/worker/program.ts';
import { cgiRequest } from '../support/cgi-request.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type FakeLane, FakeWorkers } from '../support/fake-worker.ts';
import { verify } from '../support/pool-invariants.ts';
import { defaultLimits } from '../support/pool-limits.ts';
import { plainProgram } from '../support/programs.ts';
import { RecordingSink } from '../support/recording-sink.ts';
import fc from '../support/seeded-fast-check.ts';

const kinds = [
  'ask',
  'answer',
  'ready',
  'obey',
  'abort',
  'crash',
  'kill',
  'leave',
  'parent',
  'protocol',
  'refused',
  'unreachable',
  'invalid',
  'lose',
  'quiet',
  'grow',
  'shortage',
  'reload',
  'recycle',
  'end-request',
  'drain',
  'advance',
] as const;

/** One thing that happens; `which` says to whom, or how much. */
export interface Happening {
  readonly kind: (typeof kinds)[number];
  readonly which: number;
}

/** Of what kind and size the pool is. */
export interface PoolShape {
  readonly workers: number;
  readonly minWorkers: number;
  readonly lanesPerWorker: number;
  readonly preforks: boolean;
  readonly queue: number;
  readonly queueTimeoutMs: number;
  readonly maxRequests: number;
  readonly maxMemoryBytes: number;
  readonly idleTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly spawnScoreUpLimit: number;
  readonly timeScore: number;
}

const weights: Partial<Record<Happening['kind'], number>> = { ask: 10, answer: 8, ready: 6, obey: 5, advance: 5 };

/** Every kind as often as it is to be drawn. */
export const drawnKinds: readonly Happening['kind'][] = kinds.flatMap((kind) => Array(weights[kind] ?? 1).fill(kind));

export const happening: fc.Arbitrary<Happening> = fc.oneof(
  ...kinds.map((kind) => ({
    weight: weights[kind] ?? 1,
    arbitrary: fc.nat(1_000).map((which): Happening => ({ kind, which })),
  })),
);

export const poolShape: fc.Arbitrary<PoolShape> = fc.record({
  workers: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 64 })),
  minWorkers: fc.oneof(fc.nat(3), fc.nat(64)),
  lanesPerWorker: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 8 }), fc.constant(64)),
  preforks: fc.boolean(),
  queue: fc.constantFrom(0, 2, 100),
  queueTimeoutMs: fc.constantFrom(0, 5_000),
  maxRequests: fc.constantFrom(0, 0, 2),
  maxMemoryBytes: fc.constantFrom(0, 100),
  idleTimeoutMs: fc.constantFrom(0, 1_000, 3_000),
  requestTimeoutMs: fc.constantFrom(0, 4_000),
  spawnScoreUpLimit: fc.constantFrom(1, 3, 10),
  timeScore: fc.constantFrom(1, 1, 1, 0),
});

/** A pool and all that was asked of it. */
export class PoolHistory {
  readonly clock = new FakeClock();
  readonly fakes = new FakeWorkers(this.clock);
  readonly pool: Pool;
  readonly asked: { readonly sink: RecordingSink; readonly attempt: Attempt }[] = [];
  /** When something was last started without a look at the score, since nothing had ended badly. */
  #freeAtMs = -1;
  readonly #program: Program;
  readonly #limits: PoolLimits;

  constructor({ lanesPerWorker, preforks, ...limits }: PoolShape) {
    this.#program = plainProgram({ lanesPerWorker, preforks: preforks && lanesPerWorker > 1 });
    const { workers, minWorkers } = limits;
    this.#limits = { ...defaultLimits, ...limits, minWorkers: Math.min(workers, minWorkers) };
    const { clock, fakes } = this;
    this.pool = new Pool({
      program: this.#program,
      limits: this.#limits,
      directory: '/nowhere',
      clock,
      makeWorker: (program, events) => {
        this.#verifyScore();
        return fakes.make(program, events);
      },
    });
    this.pool.start().catch(() => {});
    this.verify();
  }

  verify(): void {
    const { state, queue } = this.pool;
    verify(state, queue.counters.snapshot());
    for (const { attempt } of this.asked) {
      const { seat, state } = attempt;
      const isAlone = state !== 'over' && seat !== null && (seat as FakeLane).user === null;
      assert.ok(!isAlone, `a request is ${state} on a lane that was closed`);
    }
    const { wakeAtMs } = state;
    assert.ok(wakeAtMs === null || this.clock.isDueAt(wakeAtMs), `nothing wakes the pool at ${wakeAtMs}`);
    for (const [{ url, idempotent }, count] of this.fakes.begun)
      assert.ok(count <= (idempotent ? 2 : 1), `${url} was begun ${count} times, idempotent: ${idempotent}`);
  }

  /** A worker is started: of a program that has ended badly no more than its spawn score allows, at this moment and in all. */
  #verifyScore(): void {
    const { generation, next } = this.pool.state;
    const { score, limits, workers } = next ?? generation;
    const nowMs = this.clock.now();
    if (!score.hasBadEnds) this.#freeAtMs = nowMs;
    if (nowMs === this.#freeAtMs) return;
    const { spawnScore, spawnScoreUpLimit } = limits;
    const value = score.value(nowMs);
    assert.ok(value <= spawnScoreUpLimit + spawnScore, `a start at the score ${value}, limit ${spawnScoreUpLimit}`);
    // A planned end gives back what its start had added: then another may be started at once.
    if (this.fakes.endedAtMs === nowMs) return;
    const started = [...workers].filter((one) => one.startedAtMs === nowMs && one.retirement === null).length;
    assert.ok(started * spawnScore <= spawnScoreUpLimit, `${started} starts at once, limit ${spawnScoreUpLimit}`);
  }

  /** Does it, and checks the invariants. */
  async take(one: Happening): Promise<void> {
    this.#take(one);
    this.verify();
    if (one.kind !== 'reload') return;
    // A reload waits for those before it.
    await Promise.resolve();
    await Promise.resolve();
    this.verify();
  }

  /** The pool ends, and nobody is forgotten. */
  async end(isAtOnce: boolean): Promise<void> {
    const closed = isAtOnce ? this.pool.destroy() : this.pool.close(2_000);
    this.verify();
    for (let round = 0; round < 40 && this.pool.state.phase !== 'closed'; round += 1) {
      this.obey();
      this.clock.advance(1_000);
      this.verify();
    }
    assert.equal(this.pool.state.phase, 'closed', 'a pool that closes comes to its end');
    await closed;
    const { counters, lanes } = this.pool.snapshot();
    assert.deepEqual(lanes, []);
    assert.equal(this.fakes.living.length, 0, 'no process is left');
    assert.equal(counters.accepted, this.asked.length);
    assert.equal(counters.finished + counters.refused + counters.aborted, counters.accepted);
    for (const { attempt, sink } of this.asked) {
      assert.equal(attempt.state, 'over');
      const ends = sink.calls.filter((call) => call === 'end' || call === 'fail');
      assert.ok(ends.length <= 1, 'a client is told one end');
    }
  }

  /** Workers that were asked to leave do. */
  obey(): void {
    for (const worker of this.fakes.workers) {
      if (worker.asked.includes('SIGTERM') || worker.asked.includes('SIGKILL')) worker.end({ code: 0, signal: null });
    }
  }

  #take({ kind, which }: Happening): void {
    const { busy, living } = this.fakes;
    const lane = busy[which % Math.max(1, busy.length)] as FakeLane | undefined;
    const worker = living[which % Math.max(1, living.length)];
    switch (kind) {
      case 'ask': {
        const sink = new RecordingSink();
        const request = cgiRequest({ url: `/${which % 5}`, idempotent: which % 2 === 0 });
        this.asked.push({ sink, attempt: this.pool.queue.run(request, sink) });
        return;
      }
      case 'answer':
        lane?.answer();
        return;
      case 'ready':
        this.fakes.starting[which % Math.max(1, this.fakes.starting.length)]?.becomeReady();
        return;
      case 'obey':
        this.obey();
        return;
      case 'abort':
        this.asked[which % Math.max(1, this.asked.length)]?.attempt.abort();
        return;
      case 'crash':
      case 'kill':
      case 'leave':
        this.#endOne(lane, kind);
        return;
      case 'parent':
        worker?.end({ code: null, signal: 'SIGKILL' }, false);
        return;
      case 'protocol':
        lane?.fail('PROTOCOL_ERROR');
        return;
      case 'refused':
        lane?.fail('OVERLOADED', true);
        return;
      case 'unreachable':
        if (lane !== undefined) lane.progress = 'unsent';
        lane?.fail('CONNECT_FAILED');
        return;
      case 'invalid':
        lane?.fail('ANSWER_INVALID', which % 2 === 0);
        return;
      case 'lose': {
        const free = living
          .flatMap(({ lanes }) => lanes)
          .filter(({ user, process }) => user === null && process !== null);
        const lost = free[which % Math.max(1, free.length)];
        lost?.worker.lose(lost, which % 3 > 0);
        return;
      }
      case 'quiet':
        if (lane !== undefined) lane.worker.ended.add(lane.process!.pid);
        return;
      case 'grow':
        if (lane !== undefined) this.pool.state.board.row(lane.slot).memoryBytes = which;
        return;
      case 'shortage': {
        const starting = this.fakes.starting[0];
        if (starting === undefined) return;
        starting.isShortage = true;
        starting.end({ code: null, signal: null });
        return;
      }
      case 'reload':
        this.pool.reload(this.#program, this.#limits).catch((error) => assert.ok(error instanceof PosternError));
        return;
      case 'recycle': {
        const pids = this.pool.snapshot().lanes.flatMap(({ pid, workerPid }) => [pid, workerPid]);
        this.pool.recycle(pids[which % Math.max(1, pids.length)] ?? 0);
        return;
      }
      case 'end-request': {
        const running = this.pool.snapshot().lanes.filter(({ request }) => request > 0);
        this.pool.queue.endRequest(running[which % Math.max(1, running.length)]?.request ?? 0);
        return;
      }
      case 'drain':
        this.pool.queue.drain(which % 4 === 0);
        return;
      case 'advance':
        this.clock.advance(which * (which % 10 === 0 ? 60 : 5));
        return;
    }
  }

  #endOne(lane: FakeLane | undefined, how: 'crash' | 'kill' | 'leave'): void {
    const exit = {
      crash: { code: null, signal: 'SIGSEGV' },
      kill: { code: null, signal: 'SIGKILL' },
      leave: { code: 0, signal: null },
    }[how];
    if (lane === undefined) return;
    if (lane.worker.program.preforks) lane.die(exit);
    else lane.worker.end(exit);
  }
}
