// CGI programs whose front thread was lost: nobody reads them any more. Each is ended, and its permit is free when it has gone, not before.

import type { Clock, Timer } from '../clock.ts';
import type { Log } from '../log.ts';
import { exists, readProcessStat, sendSignal } from '../worker/process-table.ts';

/** How often they are looked at. */
const lookMs = 250;

/** One. */
interface Orphan {
  readonly pid: number;
  /** It is this process and no later one of the same number; null: this system does not tell. */
  readonly startTicks: number | null;
  readonly killAtMs: number;
  readonly isGone: () => void;
}

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
  end(pid: number, graceMs: number, isGone: () => void): void {
    const { name, clock, log } = this.#parts;
    const killAtMs = clock.now() + graceMs;
    const orphan = { pid, startTicks: readProcessStat(pid)?.startTicks ?? null, killAtMs, isGone };
    if (hasGone(orphan)) {
      isGone();
      return;
    }
    log.warn(
      { pool: name, pid },
      `process ${pid} is ended with SIGTERM: the front thread that had started it was lost`,
    );
    sendSignal(-pid, 'SIGTERM');
    this.#left.add(orphan);
    this.#timer ??= clock.every(lookMs, () => this.#look());
  }

  /** Ends all of them at once. Repeatable. */
  destroy(): void {
    for (const orphan of this.#left) if (!hasGone(orphan)) sendSignal(-orphan.pid, 'SIGKILL');
    this.#left.clear();
    this.#stop();
  }

  #look(): void {
    const nowMs = this.#parts.clock.now();
    for (const orphan of this.#left) {
      if (hasGone(orphan)) {
        this.#left.delete(orphan);
        orphan.isGone();
      } else if (nowMs >= orphan.killAtMs) sendSignal(-orphan.pid, 'SIGKILL');
    }
    if (this.#left.size === 0) this.#stop();
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}

/** The dead that nobody has reaped have gone: who would have was the thread. */
function hasGone({ pid, startTicks }: Orphan): boolean {
  const stat = readProcessStat(pid);
  if (stat === null) return !exists(pid);
  return stat.isZombie || (startTicks !== null && stat.startTicks !== startTicks);
}
