// The pools of a service by name, and how they go from one configuration to the next: all of it or nothing.

import { makeUnit, type UnitContext } from './lasting-unit.ts';
import type { PoolPlan } from './plan.ts';
import { allInTurns, Turns } from './turns.ts';
import type { Unit } from './unit.ts';

/** A change that was made but not settled: exactly one of the two is called. */
export interface PoolChange {
  /** What was done, in words; empty: nothing. */
  readonly words: readonly string[];
  /** Ends the pools that are not there any more. */
  settle(): Promise<void>;
  /** Goes back to what was before. */
  undo(): Promise<void>;
}

/** The pools of one service. */
export class PoolSet {
  readonly #context: UnitContext;
  #units: ReadonlyMap<string, Unit> = new Map();
  /** What a change starts, while it does. */
  readonly #arriving = new Set<Unit>();

  constructor(context: UnitContext) {
    this.#context = context;
  }

  get units(): ReadonlyMap<string, Unit> {
    return this.#units;
  }

  /** Makes the first ones; nothing is started. */
  async fill(plans: readonly PoolPlan[]): Promise<void> {
    const units = new Map<string, Unit>();
    this.#units = units;
    const turns = new Turns();
    for (const plan of plans) {
      units.set(plan.name, makeUnit(plan, this.#context));
      await turns.next();
    }
  }

  /**
   * Starts the pools that are new, reloads those whose plan changed, and leaves the others alone.
   * @param forced names of pools to reload though nothing changed; "*" is all
   * Rejects, with everything as before, when one does not start.
   */
  async change(plans: readonly PoolPlan[], forced: readonly string[]): Promise<PoolChange> {
    const { log } = this.#context;
    const before = this.#units;
    const after = new Map<string, Unit>();
    const words: string[] = [];
    const undos: (() => Promise<void>)[] = [];
    const turns = new Turns();
    const undo = async (): Promise<void> => {
      this.#units = before;
      // One that cannot go back, since all is being closed, must not keep the others from it.
      for (const step of undos.toReversed()) await step().catch((error: Error) => log.warn({}, error.message));
    };
    try {
      for (const plan of plans) {
        await turns.next();
        const old = before.get(plan.name);
        if (old === undefined || old.plan.kind !== plan.kind) {
          const unit = makeUnit(plan, this.#context);
          undos.push(() => unit.destroy());
          this.#arriving.add(unit);
          await unit.start().finally(() => this.#arriving.delete(unit));
          words.push(`pool ${plan.name} started`);
          after.set(plan.name, unit);
          continue;
        }
        after.set(plan.name, old);
        if (old.plan.fingerprint === plan.fingerprint && !isForced(plan.name, forced)) continue;
        const oldPlan = old.plan;
        await old.reload(plan);
        undos.push(() => old.reload(oldPlan));
        words.push(`pool ${plan.name} reloaded`);
      }
    } catch (error) {
      await undo();
      throw error;
    }
    const gone = [...before.values()].filter((unit) => after.get(unit.name) !== unit);
    words.push(...gone.filter(({ name }) => !after.has(name)).map(({ name }) => `pool ${name} ended`));
    this.#units = after;
    return {
      words,
      undo,
      settle: async () => {
        await Promise.all(gone.map((unit) => unit.close()));
      },
    };
  }

  /**
   * Starts all pools, for the first time.
   * @returns what did not start, by name; such a pool goes on trying
   */
  async start(): Promise<ReadonlyMap<string, Error>> {
    const failed = new Map<string, Error>();
    // Side by side, but others have their turn between them.
    await allInTurns(this.#units.values(), (unit) =>
      unit.start().catch((error: Error) => void failed.set(unit.name, error)),
    );
    return failed;
  }

  /** Ends all; each finishes its requests first. Repeatable. */
  async close(deadlineMs?: number): Promise<void> {
    await Promise.all(this.#all().map((unit) => unit.close(deadlineMs)));
  }

  /** Ends all at once. Repeatable. */
  async destroy(): Promise<void> {
    await Promise.all(this.#all().map((unit) => unit.destroy()));
  }

  #all(): Unit[] {
    return [...this.#units.values(), ...this.#arriving];
  }
}

const isForced = (name: string, forced: readonly string[]): boolean => forced.includes('*') || forced.includes(name);
