// A place for a front thread: its memory and what it was given, which outlast the thread that is in it.

import { getCompileCacheDir } from 'node:module';
import { dirname } from 'node:path';
import type { ThreadStatus } from '../admin/source.ts';
import type { Unit } from '../backend/unit.ts';
import { clientCountsMemory } from '../front/client-counts.ts';
import { newRunningMemory } from '../gateway/shared-limits.ts';
import { statusCount } from '../sites/fronts.ts';
import { HttpDurations } from '../sites/http-durations.ts';
import type { FrontThread } from './front-thread.ts';
import { type ThreadData, vitalCount } from './thread-messages.ts';

/** One place. */
export interface Place {
  readonly index: number;
  /** Each has one writer, its thread: vitals, answers by status, durations. */
  readonly memory: Pick<ThreadData, 'vitals' | 'answers' | 'durations'>;
  /** Its connections of clients: all threads read them. */
  readonly clients: SharedArrayBuffer;
  /** Its requests of clients that a rule limits: so do they. */
  readonly limited: SharedArrayBuffer;
  thread: FrontThread | null;
  /** By pool: what it was given a share of. */
  shared: Map<string, Pick<Unit, 'backend'> & { readonly fingerprint: string }>;
  /** When it was lost, lately. */
  losses: number[];
}

/** An empty one. @param index 1 is the first */
export function newPlace(index: number): Place {
  const memory = {
    vitals: new SharedArrayBuffer(vitalCount * 4),
    answers: new SharedArrayBuffer(statusCount * 4),
    durations: new SharedArrayBuffer(HttpDurations.bytes),
  };
  return {
    index,
    memory,
    clients: clientCountsMemory(),
    limited: newRunningMemory(),
    thread: null,
    shared: new Map(),
    losses: [],
  };
}

/** What a thread in it is started with. */
export function threadData(
  { index, memory }: Place,
  about: Pick<ThreadData, 'count' | 'mark' | 'isDeveloped' | 'access' | 'clients' | 'limits'>,
): ThreadData {
  // Of this version of Node: it is asked for with the folder above.
  const compiled = getCompileCacheDir();
  return { index, ...about, ...memory, compileCache: compiled === undefined ? null : dirname(compiled) };
}

/** What is shown of it. */
export function placeStatus({ index, thread, losses }: Place): ThreadStatus {
  return {
    thread: index,
    state: thread?.isServing ? 'serving' : 'starting',
    running: thread?.running ?? 0,
    loopDelayMs: thread?.loopDelayMs ?? 0,
    losses: losses.length,
  };
}
