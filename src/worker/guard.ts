// The guard of a manager: a small sh(1) that ends, once the manager has died, all that it had started.
//
// Each program that a manager starts has the manager's marks (`marked.ts`), and passes them on to what it starts. So what has left
// process group and session is found, too. The guard reads from a pipe that the manager holds: its end without a word is the manager's death.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import { lockLimitOf, markVariable } from './marked.ts';

/** What the guard is told by a manager that has ended all that it started itself. */
const over = 'over';
/** After so long one that was ended is started again. */
const againMs = 250;
/** How long it may take to leave. */
const closeMs = 2_000;

/**
 * $1: what to look for in the environment of processes; $2: what in their limits. That limit is not the guard's own, which may have it from the
 * manager: bash has another letter for it than dash. $3: the process that it gives this limit by prlimit(1), where there is one; then it closes its
 * standard output. Signals that are for the manager are none for the guard.
 * SIGTERM has 400 ms before SIGKILL, as in `clearLeftovers`; then all that still comes is killed as long as any comes.
 */
const script = `trap '' HUP INT QUIT TERM USR1 USR2
for letter in w x; do
  hard=$(ulimit -H -$letter 2>/dev/null) && ulimit -S -$letter "$hard" 2>/dev/null && break
done
[ -z "$3" ] || prlimit --pid "$3" "--locks=$2:" 2>/dev/null
exec >/dev/null
read -r word
[ "$word" = ${over} ] && exit 0
pause() { sleep 0.05 2>/dev/null || sleep 1; }
signal() {
  any=1
  for file in $(grep -lzxF -e "$mark" /proc/[0-9]*/environ 2>/dev/null
    grep -l -e "^Max file locks  *$limit " /proc/[0-9]*/limits 2>/dev/null); do
    pid=\${file#/proc/}
    pid=\${pid%/*}
    [ "$pid" = $$ ] || { kill "$1" "$pid" 2>/dev/null && any=0; }
  done
  return $any
}
mark=$1 limit=$2
round=0
signal -TERM
while [ $round -lt 8 ] && signal -0; do pause; round=$((round + 1)); done
while [ $round -lt 200 ] && signal -KILL; do pause; round=$((round + 1)); done`;

/** Stands by while programs run. */
export interface Guard {
  /** Told from the marks of all other managers. */
  readonly mark: string;
  /** Has it stand by, if it does not yet. */
  watch(): void;
  /** Lets it go: what still runs may. Resolves when it has gone, or does not. Repeatable. */
  close(): Promise<void>;
}

/** The guard of this process. */
export class ShellGuard implements Guard {
  readonly mark = randomBytes(16).toString('hex');
  #shell: ChildProcess | null = null;
  /** Resolves once this process has the mark, too; null: it is to have none. */
  #marked: PromiseWithResolvers<void> | null = null;
  #isClosed = false;
  #isKept = false;

  /**
   * Has it stand by. Once this resolves, all that this process starts is found, also what clears its environment: for a process that does nothing
   * but serve. Called before `watch`. Repeatable.
   */
  ownProcess(): Promise<void> {
    if (this.#marked === null) {
      this.#marked = Promise.withResolvers();
      this.watch();
      if (this.#shell === null) this.#marked.resolve();
    }
    return this.#marked.promise;
  }

  /** See Guard. @param isKept one that somebody ended is started again by itself: other threads start programs, and do not say so here */
  watch(isKept = false): void {
    this.#isKept ||= isKept;
    if (this.#shell !== null || this.#isClosed || !existsSync('/proc/self/environ')) return;
    const marks = [`${markVariable}=${this.mark}`, String(lockLimitOf(this.mark))];
    const marked = this.#marked !== null ? String(process.pid) : '';
    const shell = spawn('/bin/sh', ['-c', script, 'postern-guard', ...marks, marked], {
      cwd: '/',
      env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
      // What is sent to the manager's process group, by a terminal for one, must not end it.
      detached: true,
      stdio: ['pipe', this.#marked === null ? 'ignore' : 'pipe', 'ignore'],
    });
    this.#shell = shell;
    // One that somebody ended, or that could not be started, is started again with the next program.
    const gone = (): void => {
      if (this.#shell !== shell) return;
      this.#shell = null;
      if (this.#isKept) setTimeout(() => this.watch(), againMs).unref();
    };
    shell.once('exit', gone);
    shell.once('error', gone);
    shell.stdin?.on('error', () => {});
    // Its end is all there is to read.
    shell.stdout?.on('error', () => {}).once('close', () => this.#marked?.resolve());
    shell.stdout?.resume();
    // It waits for us, not we for it.
    shell.unref();
    (shell.stdin as Socket | null)?.unref();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const shell = this.#shell;
    if (shell === null) return;
    shell.stdin?.end(`${over}\n`);
    shell.ref();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, closeMs);
      const gone = (): void => {
        clearTimeout(timer);
        resolve();
      };
      shell.once('exit', gone);
      shell.once('error', gone);
    });
    shell.unref();
  }
}

/** A guard that another thread of this process has. */
export function guardElsewhere(mark: string): Guard {
  return { mark, watch: () => {}, close: async () => {} };
}
