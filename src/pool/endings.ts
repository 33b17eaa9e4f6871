// Preforked children that are to end: their parent sees it, we have to look.

import type { Clock, Timer } from '../clock.ts';
import type { Lane } from '../worker/lane.ts';
import type { LaneProcess } from '../worker/lane-process.ts';
import { isGone } from '../worker/process-table.ts';
import type { Crew } from './generation.ts';

/** One child, and its lane, which is `stopping`. */
export interface Ending {
  readonly lane: Lane;
  readonly crew: Crew;
  readonly process: LaneProcess;
  /** When it has had its time. */
  killAtMs: number;
}

/** How often they are looked at. */
const periodMs = 10;

export class Endings {
  readonly #clock: Clock;
  readonly #onGone: (ending: Ending) => void;
  readonly #endings = new Set<Ending>();
  #timer: Timer | null = null;

  constructor(clock: Clock, onGone: (ending: Ending) => void) {
    this.#clock = clock;
    this.#onGone = onGone;
  }

  add(ending: Ending): void {
    this.#endings.add(ending);
    this.#timer ??= this.#clock.every(periodMs, () => this.#look());
  }

  #look(): void {
    for (const ending of this.#endings) this.#lookAt(ending);
    if (this.#endings.size > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #lookAt(ending: Ending): void {
    const { crew, process } = ending;
    if (crew.retirement !== null) {
      // It ends with its group.
      this.#endings.delete(ending);
    } else if (isGone(process.pid) || !this.#killIfDue(ending)) {
      this.#endings.delete(ending);
      this.#onGone(ending);
    }
  }

  /** @returns false when it has ended, and its id was given to a process of others */
  #killIfDue(ending: Ending): boolean {
    if (this.#clock.now() < ending.killAtMs) return true;
    ending.killAtMs = Number.POSITIVE_INFINITY;
    return ending.crew.worker.signal(ending.process, 'SIGKILL');
  }
}
