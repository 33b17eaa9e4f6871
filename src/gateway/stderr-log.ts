// The STDERR of one request as lines of the log: the lines of one message stay together, and what PHP says of itself has its severity.
//
// PHP writes "PHP Warning:  text in FILE on line N", PHP-FPM "PHP message: " before each; an exception goes on with "Stack trace:", "#0 ..." and
// "  thrown in FILE on line N". Its text may have line ends, so all until that end is one message. Other programs indent what belongs to the line
// before. So any other line begins a message, unless it looks as one that goes on.

import type { Clock, Timer } from '../clock.ts';
import type { Log, LogFields } from '../log.ts';
import { bytesToLog } from '../protocol/text.ts';

/** The rate that the requests of a site share. */
export interface StderrRate {
  /** Takes one record's share; false, and counted, when there is none left. */
  take(): boolean;
  /** How many records were dropped since this was last asked. */
  takeDropped(): number;
}

/** Characters of a message at most; what is beyond is cut off. */
const mostCharacters = 4_096;
/** What a program said last is told after so long, though it has not ended its message: it may hang. */
const patienceMs = 200;

const begins = /^(?:PHP message: )?PHP (?:[A-Z][a-z]+ )*[A-Za-z]+: {1,2}|^PHP message: /;
const goesOn =
  /^\s|^Stack trace:|^#\d+ |^Next \S+|^thrown in |^[\])}]+[,;]?$|^Node\.js v\d|^goroutine \d+ \[|^created by |^\.\.\. \d+ more/;

/** PHP's own message has begun; and how one ends. */
const opens = /^(?:PHP message: )?PHP [A-Z][A-Za-z ]*: {2}(Uncaught )?/;
const ends = / on line \d+$/;
const thrown = /\n {2}thrown in [^\n]+ on line \d+$/;

/** PHP's names of what happened, as it writes them, and how grave each is. */
const levels: Readonly<Record<string, keyof Log>> = {
  'Fatal error': 'error',
  'Parse error': 'error',
  'Recoverable fatal error': 'error',
  'Core error': 'error',
  'Compile error': 'error',
  Warning: 'warn',
  'Core warning': 'warn',
  'Compile warning': 'warn',
  'User error': 'error',
  'User warning': 'warn',
  Notice: 'info',
  'User notice': 'info',
  Deprecated: 'info',
  'User deprecated': 'info',
  'Strict Standards': 'info',
};

/** The STDERR of one request. */
export class StderrLog {
  readonly #log: Log;
  readonly #fields: LogFields;
  readonly #rate: StderrRate;
  readonly #clock: Clock;
  /** The message that has not ended, and the line of it that has not; no longer than what is shown of it. */
  #message = '';
  #line = '';
  #timer: Timer | null = null;

  constructor(log: Log, fields: LogFields, rate: StderrRate, clock: Clock) {
    this.#log = log;
    this.#fields = fields;
    this.#rate = rate;
    this.#clock = clock;
  }

  write(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let start = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      this.#append(bytes, start, end);
      this.#endLine();
      start = end + 1;
    }
    this.#append(bytes, start, bytes.length);
    if (this.#message !== '' || this.#line !== '') this.#timer ??= this.#clock.after(patienceMs, () => this.end());
  }

  /** The program has no more to say, or not for a while: PHP-FPM ends a line when it begins the next one. */
  end(): void {
    this.#endLine();
    this.#tell();
  }

  #endLine(): void {
    const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line;
    this.#line = '';
    if (line === '') return;
    const isNext = this.#message !== '' && !begins.test(line) && (goesOn.test(line) || isOpen(this.#message));
    if (!isNext) this.#tell();
    const room = mostCharacters + 1 - this.#message.length;
    if (room > 0) this.#message += (this.#message === '' ? line : `\n${line}`).slice(0, room);
  }

  #tell(): void {
    this.#timer?.cancel();
    this.#timer = null;
    const message = this.#message;
    this.#message = '';
    if (message === '' || !this.#rate.take()) return;
    const droppedRecords = this.#rate.takeDropped();
    const { level, fields } = readMessage(message);
    const all = { ...this.#fields, ...fields, ...(droppedRecords === 0 ? {} : { droppedRecords }) };
    const shown = bytesToLog(message.replace(/^PHP message: /, ''), mostCharacters);
    // Lines of one message are one line of the log: a reader that cuts at line ends keeps it whole.
    this.#log[level](all, shown.replaceAll('\\x0a', '\n'));
  }

  #append(bytes: Buffer, start: number, end: number): void {
    // One more than is shown, so that the cut is visible.
    const room = mostCharacters + 1 - this.#line.length;
    if (room > 0 && start < end) this.#line += bytes.toString('latin1', start, Math.min(end, start + room));
  }
}

/** Whether PHP has more of this message to say, however that looks. The end of one that was cut cannot be seen. */
function isOpen(message: string): boolean {
  if (message.length > mostCharacters) return false;
  const begun = opens.exec(message);
  return begun !== null && !(begun[1] === undefined ? ends : thrown).test(message);
}

/** What PHP's own messages say: how grave it is, where it happened. Others are warnings. */
function readMessage(message: string): { level: keyof Log; fields: LogFields } {
  const kind = /^(?:PHP message: )?PHP ([A-Z][a-zA-Z ]+?): /.exec(message)?.[1];
  if (kind === undefined) return { level: 'warn', fields: {} };
  const place = / in (\/[^\n]*?|[A-Za-z]:\\[^\n]*?)(?: on line |:)(\d+)$/m.exec(message);
  const where = place === null ? {} : { file: bytesToLog(place[1]!, 512), line: Number(place[2]) };
  return { level: levels[kind] ?? 'warn', fields: { severity: kind, ...where } };
}
