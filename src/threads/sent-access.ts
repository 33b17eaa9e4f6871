// What a front thread tells of its answers, gathered: a message for each would cost as much as the request. The lines of the access log are made in the
// thread; the main thread only writes them.

import { wallOfTurn } from '../clock.ts';
import { type LineFormat, lineFormat } from '../sites/access-log.ts';
import type { FrontsConfig } from '../sites/fronts.ts';
import type { AccessLog, AccessRecord } from '../sites/gateways.ts';
import type { ThreadData, ThreadReport } from './thread-messages.ts';

/** Lines are sent when there are so many characters of them, or after so long: a message takes 0.1 ms of the main thread, however long it is. */
const gatheredCharacters = 65_536;
const gatheredMs = 50;

/** Where lines of a site go, and how they are made; null: they are not wanted. */
interface Target {
  readonly site: string | null;
  readonly format: LineFormat;
}

export class SentAccess {
  readonly #isLines: boolean;
  readonly #thread: number;
  readonly #say: (report: ThreadReport) => void;
  #records: AccessRecord[] = [];
  #lines = new Map<string | null, string>();
  #characters = 0;
  #timer: NodeJS.Timeout | null = null;
  /** By site. */
  #targets: ReadonlyMap<string, Target | null> = new Map();

  constructor(access: ThreadData['access'], thread: number, say: (report: ThreadReport) => void) {
    this.#isLines = access === 'lines';
    this.#thread = thread;
    this.#say = say;
  }

  /** Goes over to another configuration. */
  use({ values }: FrontsConfig): void {
    const { access, level } = values.log;
    const isTold = access && (level === 'debug' || level === 'info');
    const main: Target | null = isTold ? { site: null, format: lineFormat('json') } : null;
    this.#targets = new Map(
      Object.entries(values.site).map(([name, { accessLog, accessFormat = 'json' }]) => {
        if (accessLog === undefined) return [name, main];
        return [name, accessLog === 'off' ? null : { site: name, format: lineFormat(accessFormat) }];
      }),
    );
  }

  /** Takes one answer. */
  readonly take: AccessLog = (record) => {
    if (!this.#isLines) this.#records.push(record);
    else {
      const target = this.#targets.get(record.site);
      if (target === null || target === undefined) return;
      const line = target.format(record, wallOfTurn(), this.#thread);
      this.#lines.set(target.site, (this.#lines.get(target.site) ?? '') + line);
      this.#characters += line.length;
    }
    if (this.#characters >= gatheredCharacters) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), gatheredMs);
  };

  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#records.length > 0) this.#say({ type: 'access', records: this.#records });
    if (this.#lines.size > 0) this.#say({ type: 'lines', lines: [...this.#lines] });
    this.#records = [];
    this.#lines = new Map();
    this.#characters = 0;
  }
}
