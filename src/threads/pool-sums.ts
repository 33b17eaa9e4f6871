// What front threads tell of the pools besides what stands in shared memory: requests that run, ends of processes, servers, slow requests. Pure.

import type { PoolSnapshot, ProcessEndSnapshot, StopReason } from '../queue/pool-snapshot.ts';
import type { PoolTold } from './thread-messages.ts';

/** As many as one pool shows. */
const mostSlow = 100;
const mostEnds = 32;
/** Above any index of a thread: ends that each thread numbers for itself have numbers of their own. */
const threadsAtMost = 64;

/** What a thread leaves behind. */
type Past = Pick<PoolSnapshot, 'spawned' | 'ended' | 'slow'>;
/** What one thread tells; the main thread is 0. */
type Part = PoolTold & { readonly thread: number };

export class PoolSums {
  /** By thread, by pool. */
  readonly #told = new Map<number, ReadonlyMap<string, PoolTold>>();
  /** By pool: of threads that are no more. */
  readonly #past = new Map<string, Past>();

  /** Takes what a thread tells of its pools. */
  take(thread: number, pools: readonly PoolTold[]): void {
    this.#told.set(thread, new Map(pools.map((pool) => [pool.name, pool])));
  }

  /** A thread is no more: what it had counted stays counted. */
  forget(thread: number): void {
    for (const [name, told] of this.#told.get(thread) ?? []) {
      const past = this.#past.get(name);
      this.#past.set(name, past === undefined ? told : sumOf([past, told]));
    }
    this.#told.delete(thread);
  }

  /** A pool with what the threads tell of it. @param own what the main thread knows */
  of(own: PoolSnapshot): PoolSnapshot {
    const parts: Part[] = [...this.#told].flatMap(([thread, pools]) => {
      const told = pools.get(own.name);
      return told === undefined ? [] : [{ ...told, thread, lanes: told.lanes.map((lane) => ({ ...lane, thread })) }];
    });
    const past = this.#past.get(own.name);
    if (parts.length === 0 && past === undefined) return own;
    const running = parts.flatMap((part) => part.lanes);
    const lanes =
      running.length === 0 ? own.lanes : [...own.lanes, ...running].map((lane, at) => ({ ...lane, lane: at }));
    const notReady = parts.map((part) => part.notReady).find((why) => why !== null) ?? own.notReady;
    const servers = own.servers.map((server) => {
      const same = parts.flatMap((part) => part.servers.filter(({ address }) => address === server.address));
      const connections = same.reduce((all, one) => all + one.connections, server.connections);
      return { ...server, connections, restsMs: Math.max(server.restsMs, ...same.map(({ restsMs }) => restsMs)) };
    });
    const sums = sumOf([own, ...parts, ...(past === undefined ? [] : [past])]);
    return { ...own, ...sums, lastEnds: lastEndsOf(own, parts), lanes, servers, notReady };
  }
}

/** Of all threads, newest first: each counts its own, and a number is to be of one end alone. */
function lastEndsOf(own: PoolSnapshot, parts: readonly Part[]): readonly ProcessEndSnapshot[] {
  if (parts.every(({ lastEnds }) => lastEnds.length === 0)) return own.lastEnds;
  return [{ ...own, thread: 0 }, ...parts]
    .flatMap(({ lastEnds, thread }) => lastEnds.map((end) => ({ ...end, number: end.number * threadsAtMost + thread })))
    .toSorted((a, b) => b.at - a.at)
    .slice(0, mostEnds);
}

function sumOf(parts: readonly Past[]): Past {
  return {
    spawned: parts.reduce((sum, { spawned }) => sum + spawned, 0),
    ended: parts.map(({ ended }) => ended).reduce(sumEnds),
    slow: parts
      .flatMap(({ slow }) => slow)
      .toSorted((a, b) => b.at - a.at)
      .slice(0, mostSlow),
  };
}

function sumEnds(one: PoolSnapshot['ended'], other: PoolSnapshot['ended']): PoolSnapshot['ended'] {
  const sums = Object.entries(other).map(([why, count]) => [why, count + one[why as StopReason]]);
  return Object.fromEntries(sums) as PoolSnapshot['ended'];
}
