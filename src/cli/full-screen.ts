// The whole window of a terminal: taken while something is drawn in it, and given back as it was, however that ends.

import { writeSync } from 'node:fs';

/** What the window is used with. */
export interface FullScreenEvents {
  /** Keys, as the terminal sends them. */
  keys(bytes: string): void;
  /** The window has another size, or was given back to us: all of it is to be drawn. */
  redraw(): void;
  /** The terminal is gone, or a signal asks us to end. @param signal null: nobody did */
  ended(signal: NodeJS.Signals | null): void;
}

// DEC private modes: 1049 the other screen, 25 the cursor, 7 wrapping at the edge, 2026 a frame is shown as a whole.
const take = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J';
const giveBack = '\x1b[?7h\x1b[?25h\x1b[?1049l';
const beginFrame = '\x1b[?2026h\x1b[H';
const endFrame = '\x1b[J\x1b[?2026l';

/** Signals that end us: the terminal is given back first. */
const endings = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

export class FullScreen {
  readonly #input: NodeJS.ReadStream;
  readonly #output: NodeJS.WriteStream & { readonly fd: number };
  readonly #events: FullScreenEvents;
  readonly #undo: (() => void)[] = [];
  #isTaken = false;
  /** Whether the terminal has not taken the last frame yet: none is written meanwhile. */
  #isFull = false;

  constructor(events: FullScreenEvents, input = process.stdin, output = process.stdout) {
    this.#events = events;
    this.#input = input;
    this.#output = output;
  }

  /** Columns and rows. */
  get size(): { readonly columns: number; readonly rows: number } {
    return { columns: this.#output.columns || 80, rows: this.#output.rows || 24 };
  }

  open(): void {
    this.#listen(process, 'exit', () => this.#giveBack());
    for (const signal of endings) this.#listen(process, signal, () => this.#events.ended(signal));
    this.#listen(process, 'SIGCONT', () => this.#takeAgain());
    this.#listen(this.#output, 'resize', () => this.#events.redraw());
    this.#listen(this.#output, 'error', () => this.#events.ended(null));
    this.#listen(this.#output, 'drain', () => {
      this.#isFull = false;
    });
    this.#listen(this.#input, 'data', (bytes) => this.#events.keys(String(bytes)));
    for (const event of ['end', 'close', 'error']) this.#listen(this.#input, event, () => this.#events.ended(null));
    this.#take();
    this.#input.resume();
  }

  /** Draws lines from the top: what was below them is emptied. A frame that has no room is left out; the next one has all of it. */
  draw(lines: readonly string[]): void {
    if (!this.#isTaken || this.#isFull) return;
    const text = lines.map((line) => `${line}\x1b[K`).join('\r\n');
    this.#isFull = !this.#output.write(`${beginFrame}${text}${endFrame}`);
  }

  /** Gives the window back, and stops as Ctrl-Z does, until somebody continues us; where nobody could, the system does not stop us. */
  suspend(): void {
    this.#giveBack();
    process.kill(process.pid, 'SIGTSTP');
    setImmediate(() => this.#takeAgain());
  }

  /** Gives the window back. Repeatable. */
  close(): void {
    this.#giveBack();
    for (const undo of this.#undo.splice(0)) undo();
    this.#input.pause();
  }

  #take(): void {
    if (this.#isTaken) return;
    this.#isTaken = true;
    this.#isFull = false;
    this.#setRaw(true);
    this.#output.write(take);
  }

  /** Whoever had the terminal meanwhile may have left it as he liked. */
  #takeAgain(): void {
    if (this.#undo.length === 0) return;
    this.#isTaken = false;
    this.#take();
    this.#events.redraw();
  }

  #giveBack(): void {
    if (!this.#isTaken) return;
    this.#isTaken = false;
    this.#setRaw(false);
    try {
      // At once: nothing is written any more when the process exits.
      writeSync(this.#output.fd, giveBack);
    } catch {
      // The terminal is gone, or takes nothing now.
      this.#output.write(giveBack);
    }
  }

  #setRaw(isRaw: boolean): void {
    try {
      this.#input.setRawMode(isRaw);
    } catch {
      // The terminal is gone.
    }
  }

  #listen(emitter: NodeJS.EventEmitter, event: string, listener: (given?: unknown) => void): void {
    emitter.on(event, listener);
    this.#undo.push(() => emitter.off(event, listener));
  }
}
