// A front thread's parts of the pools: what its routes lead to, and how they go from one configuration to the next.

import type { PoolShare } from '../backend/unit.ts';
import { CgiPool } from '../cgi/cgi-pool.ts';
import { systemClock } from '../clock.ts';
import { type RelayEnd, RelayedStarter } from '../launcher/launch-relay.ts';
import { PermitThread } from '../leases/permit-thread.ts';
import { openPoolThread } from '../leases/pool-thread.ts';
import type { Log } from '../log.ts';
import type { Backend } from '../protocol/cgi/exchange.ts';
import { withoutWorkers } from '../queue/pool-snapshot.ts';
import { UpstreamPool } from '../upstream/upstream-pool.ts';
import { guardElsewhere } from '../worker/guard.ts';
import { openSpawner, type Spawner } from '../worker/spawner.ts';
import { type Starter, starterByKey } from '../worker/starter.ts';
import type { PoolTold } from './thread-messages.ts';

/** A thread's part of one pool. */
interface PoolPart {
  readonly kind: PoolShare['kind'];
  readonly backend: Backend;
  /** What the main thread cannot see by itself; null: nothing. */
  told(): PoolTold | null;
  /** Takes other settings of the same kind. */
  use(share: PoolShare): void;
  close(deadlineMs: number): Promise<unknown>;
  destroy(): Promise<unknown>;
}

/** What routes keep of a pool: the part behind it may be made anew. */
interface Place {
  part: PoolPart;
  readonly backend: Backend;
}

export class ThreadPools {
  readonly #index: number;
  readonly #log: Log;
  readonly #mark: string;
  readonly #inForce = new Map<string, Place>();
  /** What a change has made, and not put in force. */
  readonly #arriving = new Map<string, Place>();
  /** Settings that wait for the change to be put in force. */
  readonly #settings = new Map<string, PoolShare>();
  readonly #leaving = new Set<PoolPart>();
  #spawner: Spawner | null = null;

  constructor(index: number, log: Log, mark: string) {
    this.#index = index;
    this.#log = log;
    this.#mark = mark;
  }

  /** What a gateway that is made now is to lead to. */
  get backends(): ReadonlyMap<string, Place> {
    return new Map([...this.#inForce, ...this.#arriving]);
  }

  /** What the main thread cannot see by itself. */
  told(): PoolTold[] {
    return [...this.#inForce.values()].flatMap(({ part }) => part.told() ?? []);
  }

  /** Makes parts of pools that are new, or have changed. */
  prepare(shares: readonly PoolShare[]): void {
    for (const share of shares) {
      if (share.kind !== 'workers' && share.permits === null) this.#settings.set(share.name, share);
      else this.#arriving.set(share.name, placeOf(this.#open(share)));
    }
  }

  /** Puts what was made in force; the others go on, but for those that are not named. Resolves when those have finished. */
  async commit(names: readonly string[], deadlineMs: number): Promise<void> {
    for (const [name, share] of this.#settings) this.#inForce.get(name)?.part.use(share);
    this.#settings.clear();
    const gone: PoolPart[] = [];
    for (const [name, { part }] of this.#inForce) {
      if (names.includes(name) && !this.#arriving.has(name)) continue;
      gone.push(part);
      this.#inForce.delete(name);
    }
    for (const [name, place] of this.#arriving) this.#inForce.set(name, place);
    this.#arriving.clear();
    await Promise.all(gone.map((part) => this.#leave(part, deadlineMs)));
  }

  undo(): void {
    for (const { part } of this.#arriving.values()) void part.destroy();
    this.#arriving.clear();
    this.#settings.clear();
  }

  /** The main thread has made a pool anew after a fault: so is its part, at once. */
  replace(share: PoolShare): void {
    const place = this.#inForce.get(share.name);
    if (place === undefined) return;
    const old = place.part;
    place.part = this.#open(share);
    void this.#leave(old, 0);
  }

  /** Takes no more requests, finishes those it has. */
  async close(deadlineMs: number): Promise<void> {
    const parts = [...[...this.#inForce.values()].map(({ part }) => part), ...this.#leaving];
    await Promise.all(parts.map((part) => part.close(deadlineMs)));
    this.#spawner?.close();
  }

  async #leave(part: PoolPart, deadlineMs: number): Promise<void> {
    this.#leaving.add(part);
    await part.close(deadlineMs);
    this.#leaving.delete(part);
  }

  #open(share: PoolShare): PoolPart {
    const log = this.#log;
    const clock = systemClock;
    const { kind } = share;
    if (kind === 'workers') {
      const part = openPoolThread({ ...share, index: this.#index, clock, log });
      const { queue } = part;
      return {
        kind,
        backend: queue,
        told() {
          const slow = queue.slow.snapshot();
          return slow.length === 0 ? null : { ...withoutWorkers, name: share.name, lanes: [], slow, notReady: null };
        },
        use: () => {},
        close: (deadlineMs) => part.close(deadlineMs),
        destroy: () => part.destroy(),
      };
    }
    if (kind === 'connect') {
      const permits = new PermitThread(share.permits!, this.#index);
      const pool = new UpstreamPool({ ...share.options, clock, log, share: permits });
      const use = (next: PoolShare): void => {
        if (next.kind === kind) pool.reload({ ...next.options, clock, log, share: permits });
      };
      return { kind, use, ...partOf(pool, permits) };
    }
    this.#spawner ??= openSpawner(undefined, guardElsewhere(this.#mark));
    // A reload may give it to the launcher to start its programs, or another way to ask for it.
    const spawner = this.#spawner;
    let starter = starterOf(spawner, share.relay);
    const permits = new PermitThread(share.permits!, this.#index);
    const pool = new CgiPool({
      ...share.settings,
      name: share.name,
      starter: {
        startWorker: (...given) => starter.startWorker(...given),
        startCgi: (start) => starter.startCgi(start),
      },
      clock,
      log,
      share: permits,
    });
    const use = (next: PoolShare): void => {
      if (next.kind !== kind) return;
      if (next.relay !== null) starter = starterOf(spawner, next.relay);
      pool.use(next.settings);
    };
    return { kind, use, ...partOf(pool, permits) };
  }
}

function starterOf(spawner: Spawner, relay: RelayEnd | null): Starter {
  return relay === null ? spawner : starterByKey(spawner, new RelayedStarter(relay));
}

function partOf(pool: UpstreamPool | CgiPool, permits: PermitThread): Omit<PoolPart, 'kind' | 'use'> {
  permits.open(pool.queue);
  return {
    backend: pool,
    told() {
      const { name, lanes, servers, slow, notReady, spawned, ended, lastEnds } = pool.snapshot();
      return { name, lanes, servers, slow, notReady, spawned, ended, lastEnds };
    },
    close: (deadlineMs) => pool.close(deadlineMs).finally(() => permits.leave()),
    destroy: () => pool.destroy().finally(() => permits.leave()),
  };
}

function placeOf(part: PoolPart): Place {
  const place: Place = {
    part,
    backend: {
      name: part.backend.name,
      run: (request, sink) => place.part.backend.run(request, sink),
    },
  };
  return place;
}
