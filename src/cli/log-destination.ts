// Where log lines are written: gathered, in order, and never at the cost of the service. A full disk, or a pipe that nobody
// reads, loses lines that are counted and told of later; pino's own destination would keep them all, or wait for ever.

import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';

/** What a destination writes with; a test brings its own. */
export type WriteBytes = (descriptor: number, bytes: Buffer) => number;

/** What of lines cannot be written is kept up to so many bytes; more is lost. */
const maxKeptBytes = 262_144;
/** Lines are gathered to so many characters, or for so long: a system call a line costs more than the line. */
const gatheredCharacters = 8_192;
const gatheredMs = 100;
/** Addresses of clients and of pages are not for every user of the machine. */
const fileMode = 0o640;

/** A file, or a descriptor that is open already. */
export class LogDestination {
  readonly #path: string | null;
  readonly #write: WriteBytes;
  readonly #timer: NodeJS.Timeout;
  #descriptor: number;
  #gathered = '';
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** Why nothing can be written now, as the system has it; null: it can. */
  #trouble: string | null = null;
  #lost = 0;

  /** @param to a path, which is opened for appending, or a descriptor @throws what opening the file fails with */
  constructor(to: string | number, write: WriteBytes = writeSync) {
    this.#path = typeof to === 'string' ? to : null;
    this.#descriptor = typeof to === 'string' ? openSync(to, 'a', fileMode) : to;
    this.#write = write;
    this.#timer = setInterval(() => this.flush(), gatheredMs);
    this.#timer.unref();
  }

  /** Lines that were lost since it last could write. */
  get lost(): number {
    return this.#lost;
  }

  /** Takes a line with its end; it is written soon. */
  write(line: string): void {
    this.#gathered += line;
    if (this.#gathered.length >= gatheredCharacters) this.flush();
  }

  /** Writes what was gathered, as far as the system takes it now. */
  flush(): void {
    if (this.#gathered !== '') {
      this.#keep(this.#gathered);
      this.#gathered = '';
    }
    if (this.#kept.length > 0) this.#empty();
  }

  /** Opens the file again by its name, after it was moved away; does nothing for a descriptor. @throws what opening fails with; then the old one goes on */
  reopen(): void {
    if (this.#path === null) return;
    this.flush();
    const old = this.#descriptor;
    this.#descriptor = openSync(this.#path, 'a', fileMode);
    closeSync(old);
    this.flush();
  }

  /** Writes what it can, and closes the file. */
  close(): void {
    this.flush();
    clearInterval(this.#timer);
    if (this.#path !== null) closeSync(this.#descriptor);
  }

  /** Keeps lines to be written, or counts them as lost. */
  #keep(lines: string): void {
    const bytes = Buffer.from(lines);
    if (this.#keptBytes + bytes.length > maxKeptBytes) {
      this.#lost += lines.split('\n').length - 1;
      return;
    }
    this.#kept.push(bytes);
    this.#keptBytes += bytes.length;
  }

  #empty(): void {
    try {
      while (this.#kept.length > 0) {
        const bytes = this.#kept[0]!;
        const written = this.#write(this.#descriptor, bytes);
        this.#keptBytes -= written;
        if (written < bytes.length) this.#kept[0] = bytes.subarray(written);
        else this.#kept.shift();
        if (this.#kept.length === 0) this.#recovered();
      }
    } catch (error) {
      this.#failed((error as NodeJS.ErrnoException).code ?? String(error));
    }
  }

  /** Told once on standard error, unless that is where nothing can be written. */
  #failed(code: string): void {
    if (this.#trouble !== null) return;
    this.#trouble = code;
    if (code !== 'EAGAIN') this.#tell(`the log cannot be written (${code}): lines are kept for a while, then lost`);
  }

  #recovered(): void {
    if (this.#trouble === null) return;
    const code = this.#trouble;
    this.#trouble = null;
    if (this.#lost === 0) return;
    const message = `${this.#lost} lines of this log were lost while it could not be written (${code})`;
    this.#lost = 0;
    const line = { level: 'warn', time: new Date().toISOString(), msg: message };
    this.#keep(`${JSON.stringify(line)}\n`);
  }

  #tell(message: string): void {
    try {
      if (!isSameFile(this.#descriptor, 2)) writeSync(2, `postern: ${message}\n`);
    } catch {
      // nobody reads it
    }
  }
}

function isSameFile(one: number, other: number): boolean {
  const [a, b] = [fstatSync(one), fstatSync(other)];
  return a.dev === b.dev && a.ino === b.ino && a.rdev === b.rdev;
}
