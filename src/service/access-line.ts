// One request of the access log as a line of JSON, with the same first fields as the log's other lines.
// Written by hand: a logger takes 5 us to make this line of an object, a tenth of what a small request costs in all.

import type { AccessRecord } from '../gateway/access-log.ts';

/** Formats the lines of one log. */
export class AccessLines {
  /** The text of the present millisecond. */
  #time = '';
  #timeMs = 0;

  /**
   * The line, with its end.
   * @param wallMs milliseconds since 1970
   */
  format(record: AccessRecord, wallMs: number): string {
    if (wallMs !== this.#timeMs) {
      this.#timeMs = wallMs;
      this.#time = new Date(wallMs).toISOString();
    }
    const { status, bytes, outcome } = record;
    return `{"level":30,"time":"${this.#time}","site":${quote(record.site)},"method":${quote(record.method)},"url":${quote(record.url)},"version":"${record.version}","host":${quote(record.host)},"remoteAddress":${quote(record.remoteAddress)},"status":${status},"bytes":${bytes},"durationMs":${number(record.durationMs)},"waitedMs":${number(record.waitedMs)},"runMs":${number(record.runMs)},"pool":${quote(record.pool)},"outcome":"${outcome}","error":${quote(record.error)},"msg":"request"}\n`;
  }
}

/** Text as JSON; most holds nothing that needs an escape. */
function quote(text: string | null): string {
  if (text === null) return 'null';
  return /["\\\x00-\x1f\ud800-\udfff]/.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** Milliseconds, to a microsecond. */
function number(value: number | null): string {
  return value === null ? 'null' : String(Math.round(value * 1000) / 1000);
}
