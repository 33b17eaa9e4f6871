// What a process writes on its stdout and stderr, as lines for the log: limited in length and rate, control bytes escaped.

import type { Clock } from '../clock.ts';

/** Bytes of a line at most; the rest of it is dropped and said so. */
const maxLineBytes = 4_096;
/** Lines a second at most; the number of those that were dropped is told when it goes on. */
const maxLinesPerSecond = 50;

/**
 * Goes on with what a line before it said: the lines of a stack and what stands below it, as Node writes them (an error's own properties
 * end with a line of brackets), PHP ("#0 {main}") and Go ("goroutine 1 [running]:", "main.main()").
 */
const continues =
  /^\s|^Node\.js v\d|^[\])}]+[,;]?$|^Stack trace:$|^#\d+ |^goroutine \d+ \[|^created by |^\S+\(.*\)$|^exit status \d+$/;

const newline = 0x0a;
const carriageReturn = 0x0d;

/** Where lines go. */
export type TakeLine = (line: string) => void;

/** Cuts chunks into lines. One for each stream of each process. */
export class OutputLines {
  readonly #take: TakeLine;
  readonly #clock: Clock;
  readonly #parts: Buffer[] = [];
  #lineBytes = 0;
  #secondBegan = Number.NEGATIVE_INFINITY;
  #linesInSecond = 0;
  #dropped = 0;
  #last = '';

  constructor(take: TakeLine, clock: Clock) {
    this.#take = take;
    this.#clock = clock;
  }

  /** The last line that says something by itself, whether it was logged or dropped. */
  get last(): string {
    return this.#last;
  }

  write(chunk: Buffer): void {
    let from = 0;
    while (from < chunk.length) {
      const at = chunk.indexOf(newline, from);
      this.#add(chunk.subarray(from, at < 0 ? chunk.length : at));
      if (at < 0) return;
      this.#finishLine();
      from = at + 1;
    }
  }

  /** The stream ended: a line without an end is one too, and what was dropped is told. */
  end(): void {
    this.#finishLine();
    this.#tellDropped();
  }

  #add(bytes: Buffer): void {
    const room = maxLineBytes - Math.min(this.#lineBytes, maxLineBytes);
    // A copy: the chunk that it is part of may be much larger, and would be kept with it.
    if (room > 0 && bytes.length > 0) this.#parts.push(Buffer.from(bytes.subarray(0, room)));
    this.#lineBytes += bytes.length;
  }

  #finishLine(): void {
    const bytes = Buffer.concat(this.#parts.splice(0));
    const cut = this.#lineBytes - bytes.length;
    this.#lineBytes = 0;
    const text = bytes.at(-1) === carriageReturn ? bytes.subarray(0, -1) : bytes;
    if (text.length === 0) return;
    const line = escapeControl(text.toString('utf8'));
    const whole = cut > 0 ? `${line} (${cut} more bytes)` : line;
    if (this.#last === '' || !continues.test(line)) this.#last = whole;
    this.#emit(whole);
  }

  #emit(line: string): void {
    const now = this.#clock.now();
    if (now - this.#secondBegan >= 1000) {
      this.#tellDropped();
      this.#secondBegan = now;
      this.#linesInSecond = 0;
    }
    this.#linesInSecond += 1;
    if (this.#linesInSecond > maxLinesPerSecond) this.#dropped += 1;
    else this.#take(line);
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    this.#take(`${this.#dropped} more lines were dropped (limit ${maxLinesPerSecond} a second)`);
    this.#dropped = 0;
  }
}

/** Control characters as `\xNN`, so that a line stays one line and no terminal obeys it; other text as it is. */
export function escapeControl(text: string): string {
  return text.replace(
    /[\0-\x08\x0a-\x1f\x7f-\x9f]/g,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
