// Locks of a folder that several processes, and machines, share: a file that whoever holds it made, and touches while it does.
//
// Nobody's clock is compared with anybody's: a lock whose file has not changed for a while, as the one sees that waits, is nobody's any more.

import { randomBytes } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { link, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { type Clock, systemClock } from '../clock.ts';

/** How often a holder touches its lock, and after how long an untouched one is taken away. */
const touchMs = 10_000;
const deadMs = 60_000;

/** A lock that is held. */
export interface HeldLock {
  /** Whether it is still ours: others may have taken it away from a process that had stood still, or while they took away a dead one's. */
  isHeld(): Promise<boolean>;
  /** Repeatable. */
  release(): Promise<void>;
}

/** The locks that one process asks for. */
export class StoreLocks {
  readonly #clock: Clock;
  /** Of locks that others hold: how their files looked, and since when. */
  readonly #seen = new Map<string, { readonly look: string; readonly sinceMs: number }>();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** @param path of its file @returns null: somebody else has it */
  async take(path: string): Promise<HeldLock | null> {
    const mine = JSON.stringify({ ...place(), id: randomBytes(8).toString('hex') });
    if (await create(path, mine)) return this.#hold(path, mine);
    if (!(await this.#isDead(path))) return null;
    return (await create(path, mine)) ? this.#hold(path, mine) : null;
  }

  #hold(path: string, mine: string): HeldLock {
    this.#seen.delete(path);
    const isHeld = async (): Promise<boolean> => (await contentOf(path)) === mine;
    const touch = async (): Promise<void> => {
      const now = new Date();
      if (await isHeld()) await utimes(path, now, now);
    };
    const timer = this.#clock.every(touchMs, () => void touch().catch(() => {}));
    return {
      isHeld,
      release: async () => {
        timer.cancel();
        if (await isHeld()) await rm(path, { force: true });
      },
    };
  }

  /** Takes the lock of a dead holder away. @returns whether it is worth another try */
  async #isDead(path: string): Promise<boolean> {
    const content = await contentOf(path);
    if (content === null) return true;
    const look = `${content} ${(await stat(path).catch(() => null))?.mtimeMs}`;
    const seen = this.#seen.get(path);
    if (seen?.look !== look) this.#seen.set(path, { look, sinceMs: this.#clock.now() });
    const isOld = seen?.look === look && this.#clock.now() - seen.sinceMs >= deadMs;
    if (!isOld && !isOfDeadProcess(content)) return false;
    const aside = `${path}.${randomBytes(8).toString('hex')}`;
    await rename(path, aside).catch(() => {});
    const moved = await contentOf(aside);
    const isOther = moved !== null && moved !== content;
    // Between the look and the rename another had taken it: it gets its lock back, unless a third has taken it by now; see `isHeld`.
    if (isOther) await link(aside, path).catch(() => {});
    await rm(aside, { force: true });
    return !isOther;
  }
}

/** Where this process is: its number means something only there. */
function place() {
  return { host: hostname(), space: processSpace(), pid: process.pid };
}

function processSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function isOfDeadProcess(content: string): boolean {
  try {
    const { host, space, pid } = JSON.parse(content) as ReturnType<typeof place>;
    const here = place();
    if (host !== here.host || space !== here.space || space === '' || !Number.isInteger(pid) || pid < 2) return false;
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

async function create(path: string, content: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(content);
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function contentOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
