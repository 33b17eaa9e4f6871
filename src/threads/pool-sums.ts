// What front threads tell of the pools that the main thread cannot see into, added up. Pure.

import type { PoolSnapshot, ProcessEndSnapshot, StopReason } from '../queue/pool-snapshot.ts';
import type { DurationCounts, QueueCounters } from '../queue/queue-books.ts';

/** Highest values: of several threads the highest one is shown. */
const highest: ReadonlySet<string> = new Set(['maxWaiting', 'maxRunning']);

/** As many as one pool shows. */
const mostSlow = 100;
const mostEnds = 32;

export class PoolSums {
  /** By thread, by pool. */
  readonly #told = new Map<number, ReadonlyMap<string, PoolSnapshot>>();
  /** By pool: what threads counted that are no more. */
  readonly #past = new Map<string, Counted>();

  /** Takes what a thread tells of its pools. */
  take(thread: number, pools: readonly PoolSnapshot[]): void {
    this.#told.set(thread, new Map(pools.map((pool) => [pool.name, pool])));
  }

  /** A thread is no more: what it had counted stays counted, what it was doing has failed. */
  forget(thread: number): void {
    for (const [name, { counters, durations, spawned, ended }] of this.#told.get(thread) ?? []) {
      const { waiting, running } = counters;
      const lost = waiting + running;
      const over = {
        ...counters,
        waiting: 0,
        running: 0,
        aborted: counters.aborted + lost,
        failed: counters.failed + lost,
      };
      const past = this.#past.get(name);
      const own = { counters: over, durations, spawned, ended };
      this.#past.set(name, past === undefined ? own : sumOf([past, own]));
    }
    this.#told.delete(thread);
  }

  /** A pool with what the threads tell of it. @param own what the main thread knows */
  of(own: PoolSnapshot): PoolSnapshot {
    const parts = [...this.#told.values()].flatMap((pools) => pools.get(own.name) ?? []);
    const past = this.#past.get(own.name);
    if (parts.length === 0 && past === undefined) return own;
    const counted = sumOf([own, ...parts, ...(past === undefined ? [] : [past])]);
    const lanes = [own, ...parts].flatMap((part) => part.lanes).map((lane, at) => ({ ...lane, lane: at }));
    const notReady = parts.map((part) => part.notReady).find((why) => why !== null) ?? own.notReady;
    const servers = own.servers.map((server) => {
      const same = parts.flatMap((part) => part.servers.filter(({ address }) => address === server.address));
      const connections = same.reduce((all, one) => all + one.connections, server.connections);
      return { ...server, connections, restsMs: Math.max(server.restsMs, ...same.map(({ restsMs }) => restsMs)) };
    });
    const slow = [own, ...parts]
      .flatMap((part) => part.slow)
      .toSorted((a, b) => b.at - a.at)
      .slice(0, mostSlow);
    return { ...own, ...counted, slow, lastEnds: lastEndsOf([own, ...parts]), lanes, servers, notReady };
  }
}

type Counted = Pick<PoolSnapshot, 'counters' | 'durations' | 'spawned' | 'ended'>;

/** Of all threads, newest first: each counts its own, and a number is to be of one end alone. */
function lastEndsOf(parts: readonly PoolSnapshot[]): readonly ProcessEndSnapshot[] {
  return parts
    .flatMap(({ lastEnds }, at) => lastEnds.map((end) => ({ ...end, number: end.number * parts.length + at })))
    .toSorted((a, b) => b.at - a.at)
    .slice(0, mostEnds);
}

function sumOf(parts: readonly Counted[]): Counted {
  return {
    counters: parts.map(({ counters }) => counters).reduce(sumCounters),
    durations: {
      boundsMs: parts[0]!.durations.boundsMs,
      wait: parts.map(({ durations }) => durations.wait).reduce(sumDurations),
      run: parts.map(({ durations }) => durations.run).reduce(sumDurations),
    },
    spawned: parts.reduce((sum, { spawned }) => sum + spawned, 0),
    ended: parts.map(({ ended }) => ended).reduce(sumEnds),
  };
}

function sumEnds(one: PoolSnapshot['ended'], other: PoolSnapshot['ended']): PoolSnapshot['ended'] {
  const sums = Object.entries(other).map(([why, count]) => [why, count + one[why as StopReason]]);
  return Object.fromEntries(sums) as PoolSnapshot['ended'];
}

function sumCounters(one: QueueCounters, other: QueueCounters): QueueCounters {
  const sums = Object.entries(other).map(([name, value]: [string, unknown]) => {
    const before: unknown = one[name as keyof QueueCounters];
    if (typeof value !== 'number' || typeof before !== 'number') return [name, value];
    return [name, highest.has(name) ? Math.max(before, value) : before + value];
  });
  const refused = Object.entries(other.refusedBy).map(([cause, count]) => [
    cause,
    count + one.refusedBy[cause as keyof QueueCounters['refusedBy']],
  ]);
  return { ...Object.fromEntries(sums), refusedBy: Object.fromEntries(refused) } as QueueCounters;
}

function sumDurations(one: DurationCounts, other: DurationCounts): DurationCounts {
  return { counts: one.counts.map((count, at) => count + other.counts[at]!), sumMs: one.sumMs + other.sumMs };
}
