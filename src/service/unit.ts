// One running pool of a service, whatever its kind: the backend that routes lead to, and its life.

import type { OtherPool } from '../admin/source.ts';
import type { Log } from '../log.ts';
import type { PoolSnapshot } from '../pool/snapshot.ts';
import type { Backend } from '../protocol/cgi/exchange.ts';
import { cgiUnit } from './cgi-unit.ts';
import { connectUnit } from './connect-unit.ts';
import type { PoolPlan } from './plan.ts';
import { workersUnit } from './workers-unit.ts';

/** A pool and what it was made from. */
export interface Unit {
  readonly name: string;
  /** The plan that is in force. */
  readonly plan: PoolPlan;
  readonly backend: Backend;
  /** Resolves when it can serve. Rejects when it cannot yet; it then goes on trying by itself. */
  start(): Promise<void>;
  /** Why it cannot serve now, in words; null: it can. */
  notReady(): string | null;
  /**
   * Takes another plan of the same kind, or the same one anew; no request is lost.
   * Rejects, with the old one still in force, when that does not start.
   */
  reload(plan: PoolPlan): Promise<void>;
  /** Refuses new requests, finishes those it has, ends what it started. Repeatable. */
  close(deadlineMs?: number): Promise<void>;
  /** Ends everything at once. Repeatable. */
  destroy(): Promise<void>;
  describe(): { readonly workers: PoolSnapshot } | { readonly other: OtherPool };
}

/** What units share. */
export interface UnitContext {
  /** Private folder for sockets. */
  readonly directory: string;
  readonly log: Log;
}

/** Makes the unit of a plan; nothing is started. */
export function makeUnit(plan: PoolPlan, context: UnitContext): Unit {
  if (plan.kind === 'workers') return workersUnit(plan, context);
  return plan.kind === 'connect' ? connectUnit(plan) : cgiUnit(plan);
}
