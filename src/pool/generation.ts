// The workers that were started from one configuration, and the spawn score of its program.

import type { Lane } from '../worker/lane.ts';
import type { Program } from '../worker/program.ts';
import type { WorkerHandle } from '../worker/worker.ts';
import type { ProcessEnd } from './fate.ts';
import type { PoolLimits } from './limits.ts';
import { SpawnScore } from './spawn-score.ts';

/** A worker that has not answered its probe after so long is hung. */
export const startTimeoutMs = 30_000;

/** See the file's first line. A reload starts the next one. */
export class Generation {
  readonly number: number;
  readonly program: Program;
  readonly limits: PoolLimits;
  readonly score: SpawnScore;
  /** Those that are not gone. */
  readonly crews = new Set<Crew>();
  /** Lanes of the crews that are not retired: they can take a request, now or later, or their parent replaces them. */
  lanes = 0;
  /** Those of them that are starting. */
  startingLanes = 0;

  constructor(number: number, program: Program, limits: PoolLimits) {
    this.number = number;
    this.program = program;
    this.limits = limits;
    this.score = new SpawnScore(limits);
  }
}

/** A worker with its lanes. */
export class Crew {
  readonly generation: Generation;
  readonly worker: WorkerHandle;
  /** Those that are not gone. */
  readonly lanes = new Set<Lane>();
  /** When it has to be ready; Infinity when that is past, and it has been killed. */
  startByMs: number;
  /** null while it takes requests. */
  retirement: ProcessEnd | null = null;
  /** Whether it has finished a request, or lived long enough. */
  hasWorked = false;
  /** The requests that it took with it, told when its exit is known. */
  readonly lostRequests: LostRequest[] = [];

  constructor(generation: Generation, worker: WorkerHandle, startByMs: number) {
    this.generation = generation;
    this.worker = worker;
    this.startByMs = startByMs;
  }
}

/** A request that was running in a process when it ended. */
export interface LostRequest {
  readonly pid: number;
  readonly method: string;
  readonly url: string;
  readonly ranMs: number;
  /** What becomes of the request, in words. */
  readonly then: string;
}
