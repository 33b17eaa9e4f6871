// Whatever happens to a pool, in whatever order: its invariants hold after each step, and nobody is forgotten.

import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { PoolLimits } from '../../src/pool/limits.ts';
import { Pool } from '../../src/pool/pool.ts';
import { verify } from '../../src/pool/verify.ts';
import type { LaneOutcome } from '../../src/worker/lane.ts';
import type { Program } from '../../src/worker/program.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { answered, FakeTicket } from '../support/fake-ticket.ts';
import { FakeHiring } from '../support/fake-worker.ts';
import { defaultLimits } from '../support/pool-limits.ts';
import { plainProgram } from '../support/programs.ts';

const failures: LaneOutcome[] = [
  { code: 'CONNECTION_LOST', isDone: false, isAborted: false },
  { code: 'PROTOCOL_ERROR', isDone: false, isAborted: false },
  { code: 'CONNECT_FAILED', isDone: false, isAborted: false },
  { code: 'ANSWER_INVALID', isDone: true, isAborted: false },
  { code: 'OVERLOADED', isDone: true, isAborted: false },
  { code: 'CONNECTION_LOST', isDone: false, isAborted: true },
  { code: null, isDone: true, isAborted: true },
];

type Step =
  | { readonly kind: 'acquire' | 'ready' | 'obey' | 'reload' | 'sweep' | 'close' }
  | { readonly kind: 'finish' | 'cancel' | 'die' | 'dieClean'; readonly which: number }
  | { readonly kind: 'fail' | 'retry'; readonly which: number; readonly how: number }
  | { readonly kind: 'advance'; readonly ms: number };

const which = fc.nat(20);
const how = fc.nat(failures.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Step>({ kind: 'acquire' }) },
  { weight: 6, arbitrary: which.map((index): Step => ({ kind: 'finish', which: index })) },
  { weight: 4, arbitrary: fc.constant<Step>({ kind: 'ready' }) },
  { weight: 4, arbitrary: fc.constant<Step>({ kind: 'obey' }) },
  { weight: 2, arbitrary: which.map((index): Step => ({ kind: 'cancel', which: index })) },
  { weight: 2, arbitrary: which.map((index): Step => ({ kind: 'die', which: index })) },
  { weight: 1, arbitrary: which.map((index): Step => ({ kind: 'dieClean', which: index })) },
  {
    weight: 2,
    arbitrary: fc.tuple(which, how).map(([index, kind]): Step => ({ kind: 'fail', which: index, how: kind })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(which, how).map(([index, kind]): Step => ({ kind: 'retry', which: index, how: kind })),
  },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 40_000 }).map((ms): Step => ({ kind: 'advance', ms })) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'reload' }) },
);

interface Shape {
  readonly workers: number;
  readonly minWorkers: number;
  readonly lanesPerWorker: number;
  readonly queue: number;
  readonly maxRequests: number;
  readonly idleTimeoutMs: number;
}

const shape: fc.Arbitrary<Shape> = fc.record({
  workers: fc.integer({ min: 1, max: 5 }),
  minWorkers: fc.integer({ min: 0, max: 2 }),
  lanesPerWorker: fc.integer({ min: 1, max: 4 }),
  queue: fc.integer({ min: 0, max: 4 }),
  maxRequests: fc.constantFrom(0, 0, 2),
  idleTimeoutMs: fc.constantFrom(0, 3_000),
});

class Model {
  readonly clock = new FakeClock();
  readonly hiring = new FakeHiring(this.clock);
  readonly pool: Pool;
  readonly tickets: FakeTicket[] = [];
  readonly #program: Program;
  readonly #limits: PoolLimits;

  constructor({ lanesPerWorker, ...limits }: Shape) {
    this.#program = plainProgram({ lanesPerWorker, preforks: lanesPerWorker > 1 });
    this.#limits = { ...defaultLimits, ...limits };
    this.pool = new Pool({
      program: this.#program,
      limits: this.#limits,
      directory: '/nowhere',
      clock: this.clock,
      hire: this.hiring.hire,
    });
    this.pool.start().catch(() => {});
  }

  take(action: Step): void {
    const running = this.tickets.filter((ticket) => ticket.lane !== null);
    const waiting = this.tickets.filter((ticket) => ticket.isWaiting);
    const pick = <Item>(items: Item[], index: number): Item | undefined => items[index % Math.max(1, items.length)];
    switch (action.kind) {
      case 'acquire': {
        const ticket = new FakeTicket(this.pool, `/${this.tickets.length}`);
        this.tickets.push(ticket);
        this.pool.desk.acquire(ticket);
        break;
      }
      case 'finish':
        pick(running, action.which)?.finish(answered);
        break;
      case 'fail':
        pick(running, action.which)?.finish(failures[action.how]);
        break;
      case 'retry':
        pick(running, action.which)?.retry(failures[action.how]!);
        break;
      case 'cancel': {
        const ticket = pick(waiting, action.which);
        if (ticket) this.pool.desk.cancel(ticket);
        break;
      }
      case 'ready':
        this.hiring.starting[0]?.becomeReady();
        break;
      case 'die':
        pick(this.hiring.living, action.which)?.end({ code: null, signal: 'SIGKILL' });
        break;
      case 'dieClean':
        pick(this.hiring.living, action.which)?.end({ code: 0, signal: null });
        break;
      case 'obey':
        this.obey();
        break;
      case 'advance':
        this.clock.advance(action.ms);
        break;
      case 'reload':
        this.pool.reload(this.#program, this.#limits).catch(() => {});
        break;
    }
  }

  /** Workers that were asked to leave do. */
  obey(): void {
    for (const worker of this.hiring.living) if (worker.asked.length > 0) worker.end({ code: 0, signal: null });
  }
}

test('whatever happens in whatever order, the invariants hold after each step', async () => {
  await fc.assert(
    fc.asyncProperty(shape, fc.array(step, { maxLength: 80 }), async (given, steps) => {
      const model = new Model(given);
      verify(model.pool);
      for (const action of steps) {
        model.take(action);
        verify(model.pool);
        if (action.kind === 'reload') await Promise.resolve();
        verify(model.pool);
      }
      const closed = model.pool.destroy();
      verify(model.pool);
      model.obey();
      model.clock.advance(1_000);
      verify(model.pool);
      await closed;
      for (const ticket of model.tickets) assert.notEqual(ticket.state, 'waiting');
      for (const ticket of model.tickets) assert.notEqual(ticket.state, 'running');
      const { counters, lanes } = model.pool.snapshot();
      assert.equal(counters.accepted, model.tickets.length);
      assert.equal(counters.finished + counters.refused + counters.aborted, counters.accepted);
      assert.deepEqual(lanes, []);
    }),
    { numRuns: 400 },
  );
});

test('when workers behave, everybody who waits is served or refused in time, and nobody is served twice', async () => {
  await fc.assert(
    fc.asyncProperty(shape, fc.integer({ min: 1, max: 30 }), async (given, count) => {
      const model = new Model({ ...given, queue: 100 });
      for (let index = 0; index < count; index += 1) model.take({ kind: 'acquire' });
      for (let round = 0; round < 200 && model.tickets.some(({ state }) => state !== 'done'); round += 1) {
        model.hiring.readyAll();
        model.take({ kind: 'finish', which: round });
        model.obey();
        model.clock.advance(20);
        verify(model.pool);
      }
      assert.deepEqual(new Set(model.tickets.map(({ state }) => state)), new Set(['done']));
      assert.equal(model.pool.snapshot().counters.finished, count);
      const closed = model.pool.close();
      model.obey();
      await closed;
      verify(model.pool);
    }),
    { numRuns: 100 },
  );
});
