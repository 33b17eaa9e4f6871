// A front thread's parts of the pools: what its routes lead to, and how they go from one configuration to the next.

import type { PoolShare, WorkersShare } from '../backend/unit.ts';
import { systemClock } from '../clock.ts';
import { openPoolThread } from '../leases/pool-thread.ts';
import type { Log } from '../log.ts';
import type { Backend } from '../protocol/cgi/exchange.ts';
import { withoutWorkers } from '../queue/pool-snapshot.ts';
import type { CgiParts } from './cgi-parts.ts';
import type { ConnectPart } from './connect-part.ts';
import type { PartContext, PoolPart } from './pool-part.ts';
import type { PoolTold } from './thread-messages.ts';

/** What routes keep of a pool: the part behind it may be made anew. */
interface Place {
  part: PoolPart;
  readonly backend: Backend;
}

export class ThreadPools {
  readonly #inForce = new Map<string, Place>();
  /** What a change has made, and not put in force. */
  readonly #arriving = new Map<string, Place>();
  /** Settings that wait for the change to be put in force. */
  readonly #settings = new Map<string, PoolShare>();
  readonly #leaving = new Set<PoolPart>();
  readonly #context: PartContext;
  /** null: there was no pool of servers elsewhere. */
  #connectPart: ConnectPart | null = null;
  /** null: there was none of CGI programs. */
  #cgiParts: CgiParts | null = null;

  constructor(index: number, log: Log, mark: string) {
    this.#context = { index, log, mark, clock: systemClock };
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
  async prepare(shares: readonly PoolShare[]): Promise<void> {
    for (const share of shares) {
      await this.#load(share.kind);
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
    this.#cgiParts?.close();
  }

  async #leave(part: PoolPart, deadlineMs: number): Promise<void> {
    this.#leaving.add(part);
    await part.close(deadlineMs);
    this.#leaving.delete(part);
  }

  /** What makes parts of a kind is loaded with the first pool of that kind. */
  async #load(kind: PoolShare['kind']): Promise<void> {
    if (kind === 'connect') this.#connectPart ??= (await import('./connect-part.ts')).connectPart;
    if (kind === 'cgi') this.#cgiParts ??= new (await import('./cgi-parts.ts')).CgiParts(this.#context);
  }

  #open(share: PoolShare): PoolPart {
    if (share.kind === 'workers') return workersPart(share, this.#context);
    return share.kind === 'connect' ? this.#connectPart!(share, this.#context) : this.#cgiParts!.open(share);
  }
}

/** Of managed workers: it takes lanes of the pool's scoreboard. */
function workersPart(share: WorkersShare, { index, clock, log }: PartContext): PoolPart {
  const part = openPoolThread({ ...share, index, clock, log });
  const { queue } = part;
  return {
    kind: 'workers',
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
