// CGI programs whose front thread was lost: nobody reads them any more. Each is ended with what it had started, and its permit is free when it has
// gone, not before.
//
// It stays a zombie as long as the service lives: who would have reaped it was the thread (decision 045). So its number is given to nobody else.

import type { Clock, Timer } from '../clock.ts';
import type { Log } from '../log.ts';
import { exists, isGroupAlive, readProcessStat, sendSignal } from '../worker/process-table.ts';

/** How often they are looked at. */
const lookMs = 250;

/** Which process it is. */
export interface OrphanName {
  readonly pid: number;
  /** Of a later one with the same number it is another, of which the lower 32 bits count; 0: this system does not tell. */
  readonly startTicks: number;
}

interface Orphan extends OrphanName {
  readonly killAtMs: number;
  readonly isGone: () => void;
}

/** `left`: its process has ended, and what it started may live. `gone`: nothing that has its number is of it. */
type OrphanState = 'running' | 'left' | 'gone';

export class CgiOrphans {
  readonly #parts: { readonly name: string; readonly clock: Clock; readonly log: Log };
  readonly #left = new Set<Orphan>();
  #timer: Timer | null = null;

  /** @param parts the pool's name, and what it is made with */
  constructor(parts: { readonly name: string; readonly clock: Clock; readonly log: Log }) {
    this.#parts = parts;
  }

  /**
   * Asks a process and its group to leave, and ends it after `graceMs`. One of another user is the launcher's to signal: see
   * `launcher/launch-relay.ts`.
   * @param isGone called when it has gone; before this returns, where it had
   */
  end({ pid, startTicks }: OrphanName, graceMs: number, isGone: () => void): void {
    const { name, clock, log } = this.#parts;
    const orphan = { pid, startTicks, killAtMs: clock.now() + graceMs, isGone };
    const state = stateOf(orphan);
    const why = 'the front thread that had started it was lost';
    if (state !== 'running') {
      if (state === 'left' && isGroupAlive(pid))
        log.warn({ pool: name, pid }, `what process ${pid} left behind is ended with SIGKILL: ${why}`);
      endRest(orphan, state);
      return;
    }
    log.warn({ pool: name, pid }, `process ${pid} is ended with SIGTERM: ${why}`);
    sendSignal(-pid, 'SIGTERM');
    this.#left.add(orphan);
    this.#timer ??= clock.every(lookMs, () => this.#look());
  }

  /** Ends all of them at once. Repeatable. */
  destroy(): void {
    for (const orphan of this.#left) if (stateOf(orphan) !== 'gone') sendSignal(-orphan.pid, 'SIGKILL');
    this.#left.clear();
    this.#stop();
  }

  #look(): void {
    const nowMs = this.#parts.clock.now();
    for (const orphan of this.#left) {
      const state = stateOf(orphan);
      if (state !== 'running') {
        this.#left.delete(orphan);
        endRest(orphan, state);
      } else if (nowMs >= orphan.killAtMs) sendSignal(-orphan.pid, 'SIGKILL');
    }
    if (this.#left.size === 0) this.#stop();
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}

/** What it started goes with it. As long as any of that lives, or it was not reaped, no other group has its number. */
function endRest({ pid, isGone }: Orphan, state: OrphanState): void {
  if (state === 'left') sendSignal(-pid, 'SIGKILL');
  isGone();
}

function stateOf({ pid, startTicks }: Orphan): OrphanState {
  const stat = readProcessStat(pid);
  if (stat === null) return exists(pid) ? 'running' : exists(-pid) ? 'left' : 'gone';
  if (startTicks !== 0 && (stat.startTicks | 0) !== startTicks) return 'gone';
  return stat.isZombie ? 'left' : 'running';
}
