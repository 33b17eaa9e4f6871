// A log that keeps its records.

import type { Log, LogFields } from '../../src/log.ts';

/** One record. */
export interface LogRecord {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: LogFields;
  readonly message: string;
}

export class RecordingLog implements Log {
  readonly records: LogRecord[] = [];

  debug(fields: LogFields, message: string): void {
    this.records.push({ level: 'debug', fields, message });
  }

  info(fields: LogFields, message: string): void {
    this.records.push({ level: 'info', fields, message });
  }

  warn(fields: LogFields, message: string): void {
    this.records.push({ level: 'warn', fields, message });
  }

  error(fields: LogFields, message: string): void {
    this.records.push({ level: 'error', fields, message });
  }

  /** The records whose message matches. */
  matching(pattern: RegExp): LogRecord[] {
    return this.records.filter(({ message }) => pattern.test(message));
  }
}
