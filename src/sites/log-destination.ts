// Where log lines are written: gathered, in order, whole, and never at the cost of the service. A full disk, or a pipe that nobody reads, loses lines that
// are counted and told of later (why not sonic-boom: docs/decisions/024-the-log-is-written-here.md).

import { closeSync, fstatSync, ftruncateSync, writeSync } from 'node:fs';
import type { LogStatus } from '../admin/source.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../log.ts';
import { isPipe, isSameFile, newline, openLogFile } from './log-descriptor.ts';

/** What a destination writes with; a test brings its own. */
export type WriteBytes = (descriptor: number, bytes: Buffer) => number;

/** What of lines cannot be written is kept up to so many bytes; more is lost. */
const maxKeptBytes = 262_144;
/** Lines are gathered to so many characters, or for so long: a system call a line costs more than the line. */
const gatheredCharacters = 8_192;
const gatheredMs = 100;
/** What a pipe takes whole or not at all (PIPE_BUF): others may write to it, too. */
const pipeBytes = 4_096;
/** Characters that surely fit into the block in which lines become bytes: three bytes each at most, in UTF-8. Those of a front thread come together. */
const blockCharacters = 3 * gatheredCharacters;
const mostBlockCharacters = 12 * gatheredCharacters;

/** A file, or a descriptor that is open already. */
export class LogDestination {
  readonly #path: string | null;
  readonly #write: WriteBytes;
  readonly #timer: NodeJS.Timeout;
  #descriptor: number;
  #isPipe: boolean;
  #gathered = '';
  /** Where gathered lines become bytes, again and again; null before the first. */
  #block: Buffer | null = null;
  /** Whole lines each, in order. */
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** How much of the first of them has been written. */
  #writtenBytes = 0;
  /** Why nothing can be written now, as the system has it; null: it can. */
  #trouble: string | null = null;
  /** Why it could not be opened again by its name; null: it was, or nobody asked. */
  #unopened: string | null = null;
  /** Lost since it last could write. */
  #lost = 0;
  #lostBefore = 0;

  /** @param to a path, which is opened for appending, or a descriptor @throws what opening the file fails with */
  constructor(to: string | number, write: WriteBytes = writeSync) {
    this.#path = typeof to === 'string' ? to : null;
    this.#descriptor = typeof to === 'string' ? openLogFile(to) : to;
    this.#isPipe = isPipe(this.#descriptor);
    this.#write = write;
    this.#timer = setInterval(() => this.flush(), gatheredMs);
    this.#timer.unref();
  }

  /** Whether it can be written now, and what was lost. */
  get status(): LogStatus {
    return { lostLines: this.#lostBefore + this.#lost, trouble: this.#trouble ?? this.#unopened };
  }

  /** Takes a line with its end; it is written soon. */
  write(line: string): void {
    this.#gathered += line;
    if (this.#gathered.length >= gatheredCharacters) this.flush();
  }

  /** Writes what was gathered, as far as the system takes it now. */
  flush(): void {
    const lines = this.#gathered;
    if (lines !== '') {
      this.#gathered = '';
      if (this.#kept.length > 0 || this.#isPipe || lines.length > mostBlockCharacters) this.#keep(Buffer.from(lines));
      else this.#writeNow(lines);
    }
    if (this.#kept.length > 0) this.#empty();
  }

  /** The usual case: nothing waits, and the file takes all. */
  #writeNow(lines: string): void {
    const bytes = 3 * Math.max(blockCharacters, lines.length);
    if (this.#block === null || this.#block.length < bytes) this.#block = Buffer.allocUnsafeSlow(bytes);
    const length = this.#block.write(lines, 0, 'utf8');
    let written = 0;
    try {
      written = this.#write(this.#descriptor, this.#block.subarray(0, length));
    } catch (error) {
      this.#keep(Buffer.from(this.#block.subarray(0, length)));
      this.#failed((error as NodeJS.ErrnoException).code ?? String(error));
      return;
    }
    if (written === length) return;
    this.#keep(Buffer.from(this.#block.subarray(0, length)));
    this.#writtenBytes = written;
  }

  /** Opens the file again by its name, after it was moved away; does nothing for a descriptor. @throws what opening fails with; then the old one goes on */
  reopen(): void {
    if (this.#path === null) return;
    this.flush();
    const opened = this.#openAgain(this.#path);
    this.#takeBack();
    closeSync(this.#descriptor);
    this.#descriptor = opened;
    this.#isPipe = isPipe(opened);
    this.flush();
  }

  #openAgain(path: string): number {
    try {
      const opened = openLogFile(path);
      this.#unopened = null;
      return opened;
    } catch (error) {
      // What was moved away may be packed or taken away next, and the lines with it.
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      this.#unopened = `by its name, ${code}: lines go to the file of before`;
      throw error;
    }
  }

  /** Writes what it can, and closes the file. */
  close(): void {
    this.flush();
    this.#takeBack();
    clearInterval(this.#timer);
    if (this.#path !== null) closeSync(this.#descriptor);
  }

  /** Keeps lines to be written, or counts them as lost. */
  #keep(bytes: Buffer): void {
    if (this.#keptBytes + bytes.length > maxKeptBytes) {
      this.#lost += linesIn(bytes);
      return;
    }
    this.#kept.push(...(this.#isPipe ? pieces(bytes) : [bytes]));
    this.#keptBytes += bytes.length;
  }

  #empty(): void {
    try {
      while (this.#kept.length > 0) {
        const bytes = this.#kept[0]!;
        this.#writtenBytes += this.#write(this.#descriptor, bytes.subarray(this.#writtenBytes));
        if (this.#writtenBytes < bytes.length) continue;
        this.#kept.shift();
        this.#keptBytes -= bytes.length;
        this.#writtenBytes = 0;
        if (this.#kept.length === 0) this.#recovered();
      }
    } catch (error) {
      this.#failed((error as NodeJS.ErrnoException).code ?? String(error));
    }
  }

  /** Takes the beginning of a line out of the file that its end would not be in: then it is written whole elsewhere, or not at all. */
  #takeBack(): void {
    const written = this.#kept[0]?.subarray(0, this.#writtenBytes);
    if (written === undefined) return;
    const torn = written.length - (written.lastIndexOf(newline) + 1);
    const whole = written.length - torn;
    if (torn > 0) {
      try {
        ftruncateSync(this.#descriptor, fstatSync(this.#descriptor).size - torn);
      } catch {
        return; // a pipe has what it has
      }
    }
    this.#kept[0] = this.#kept[0]!.subarray(whole);
    this.#keptBytes -= whole;
    this.#writtenBytes = 0;
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
    this.#lostBefore += this.#lost;
    this.#lost = 0;
    const line = { level: 'warn', time: new Date().toISOString(), msg: message };
    this.#keep(Buffer.from(`${JSON.stringify(line)}\n`));
  }

  #tell(message: string): void {
    try {
      if (!isSameFile(fstatSync(this.#descriptor), fstatSync(2))) writeSync(2, `postern: ${message}\n`);
    } catch {
      // nobody reads it
    }
  }
}

/** Lines in pieces that a pipe takes whole, where no line alone is longer. */
function pieces(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const last = bytes.lastIndexOf(newline, Math.min(start + pipeBytes, bytes.length) - 1);
    const next = bytes.indexOf(newline, start);
    const end = last >= start ? last + 1 : next === -1 ? bytes.length : next + 1;
    found.push(bytes.subarray(start, end));
    start = end;
  }
  return found;
}

function linesIn(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(newline); at !== -1; at = bytes.indexOf(newline, at + 1)) lines += 1;
  return lines;
}

/** Opens one again by its name; where that cannot be, the one that is open goes on. @param name as the log calls it */
export function reopenLog(destination: LogDestination, name: string, log: Log): void {
  try {
    destination.reopen();
  } catch (error) {
    log.error({}, `${name} could not be opened again, the one that is open goes on: ${(error as Error).message}`);
  }
}

/** Of several together. @param lostBefore lines that files have lost which are not written any more */
export function statusOf(all: readonly LogDestination[], lostBefore: number): LogStatus {
  const statuses = all.map(({ status }) => status);
  return {
    lostLines: statuses.reduce((sum, { lostLines }) => sum + lostLines, lostBefore),
    trouble: statuses.find(({ trouble }) => trouble !== null)?.trouble ?? null,
  };
}

/** Opens one. @param path of the key that names it @param key as an error calls it @throws CONFIG_INVALID */
export function openDestination(
  to: string | number,
  { refusal }: Config,
  path: readonly string[],
  key: string,
): LogDestination {
  try {
    return new LogDestination(to);
  } catch (error) {
    throw refusal({ path, message: `${key}: ${reasonOf(error as NodeJS.ErrnoException)}` });
  }
}

function reasonOf({ code, path, message }: NodeJS.ErrnoException): string {
  if (code === 'ELOOP') return `${path} is a symbolic link, which is not followed: name the file itself`;
  return code === 'ENXIO' ? `nobody reads the pipe ${path}: start its reader first` : message;
}
