// The pools of a service by name, and how they go from one configuration to the next: all of it or nothing.

import { availableParallelism } from 'node:os';
import { allInTurns, someAtATime, Turns } from '../turns.ts';
import { makeUnit, type UnitContext } from './lasting-unit.ts';
import type { PoolPlan } from './plan.ts';
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

/** What becomes of one pool. */
interface UnitChange {
  readonly pool: string;
  readonly becomes: 'started' | 'reloaded';
  /** It may fail: its program is not known to start. */
  readonly isTrial: boolean;
  act(): Promise<void>;
  /** Also of what did not succeed, or was never begun. */
  undo(): Promise<void>;
}

/** Pools that are changed side by side. */
const atATime = Math.max(4, 2 * availableParallelism());

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
      units.set(plan.name, await makeUnit(plan, this.#context));
      await turns.next();
    }
  }

  /**
   * Starts the pools that are new, reloads those whose plan changed, and leaves the others alone.
   *
   * 1. What may fail comes first: pools that are new, and programs that are, or that somebody asks to have started anew.
   * 2. A program is tried in one pool, however many have it. Pools that run nothing then start nothing.
   * 3. Only some pools at a time: each has its old workers beside the new ones for a while.
   * @param forced names of pools to reload though nothing changed; "*" is all
   * Rejects, with everything as before, when one does not start.
   */
  async change(plans: readonly PoolPlan[], forced: readonly string[]): Promise<PoolChange> {
    const before = this.#units;
    const after = new Map<string, Unit>();
    const changes: UnitChange[] = [];
    const tried = new Set<string>();
    const turns = new Turns();
    for (const plan of plans) {
      await turns.next();
      const old = before.get(plan.name);
      if (old === undefined || old.plan.kind !== plan.kind) {
        const unit = await makeUnit(plan, this.#context);
        after.set(plan.name, unit);
        changes.push(this.#arrival(unit));
        continue;
      }
      after.set(plan.name, old);
      const asked = isForced(plan.name, forced);
      if (old.plan.fingerprint !== plan.fingerprint || asked) changes.push(reloading(old, plan, asked, tried));
    }
    const undo = async (): Promise<void> => {
      this.#units = before;
      // One that cannot go back, since all is being closed, must not keep the others from it.
      await someAtATime(changes, atATime, (change) => change.undo().catch((error) => this.#warn(error)));
    };
    try {
      const [first, rest] = [changes.filter(({ isTrial }) => isTrial), changes.filter(({ isTrial }) => !isTrial)];
      await someAtATime(first, atATime, (change) => change.act());
      await someAtATime(rest, atATime, (change) => change.act());
    } catch (error) {
      await undo();
      throw error;
    }
    const gone = [...before.values()].filter((unit) => after.get(unit.name) !== unit);
    const ended = gone.filter(({ name }) => !after.has(name)).map(({ name }) => name);
    const thatAre = (wanted: UnitChange['becomes']): string[] =>
      changes.filter(({ becomes }) => becomes === wanted).map(({ pool }) => pool);
    this.#units = after;
    return {
      words: [
        ...poolWords(thatAre('started'), 'started'),
        ...poolWords(thatAre('reloaded'), 'reloaded'),
        ...poolWords(ended, 'ended'),
      ],
      undo,
      settle: async () => {
        await Promise.all(gone.map((unit) => unit.close()));
      },
    };
  }

  /**
   * Starts pools for the first time.
   * @param isWanted which of them
   * @returns what did not start, by name; such a pool goes on trying
   */
  async start(isWanted: (plan: PoolPlan) => boolean): Promise<ReadonlyMap<string, Error>> {
    const failed = new Map<string, Error>();
    const units = [...this.#units.values()].filter(({ plan }) => isWanted(plan));
    // Side by side, but others have their turn between them.
    await allInTurns(units, (unit) => unit.start().catch((error: Error) => void failed.set(unit.name, error)));
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

  #arrival(unit: Unit): UnitChange {
    return {
      pool: unit.name,
      becomes: 'started',
      isTrial: true,
      act: async () => {
        this.#arriving.add(unit);
        await unit.start().finally(() => this.#arriving.delete(unit));
      },
      undo: () => unit.destroy(),
    };
  }

  #warn({ message }: Error): void {
    this.#context.log.warn({}, message);
  }

  #all(): Unit[] {
    return [...this.#units.values(), ...this.#arriving];
  }
}

/** @param tried programs that one pool or another tries in this change */
function reloading(unit: Unit, plan: PoolPlan, asked: boolean, tried: Set<string>): UnitChange {
  const old = unit.plan;
  const key = plan.kind === 'workers' ? plan.programKey : null;
  const isSame = old.kind === 'workers' && old.programKey === key && !asked;
  const isTried = key === null || isSame || tried.has(key);
  if (!isTried) tried.add(key);
  let isDone = false;
  return {
    pool: plan.name,
    becomes: 'reloaded',
    isTrial: !isTried,
    act: async () => {
      await unit.reload(plan, isTried);
      isDone = true;
    },
    undo: async () => {
      if (isDone) await unit.reload(old, true);
    },
  };
}

/** So many pools are told by name. */
const mostNames = 8;

/** What became of pools: each of a few, and how many they are where more would fill a terminal. */
function poolWords(names: readonly string[], became: string): string[] {
  if (names.length <= mostNames) return names.map((name) => `pool ${name} ${became}`);
  const first = names.slice(0, 3);
  return [`${names.length} pools ${became} (${first.join(', ')} and ${names.length - first.length} more)`];
}

const isForced = (name: string, forced: readonly string[]): boolean => forced.includes('*') || forced.includes(name);
