// One thing that `check` has looked at, and how it is told.

import type { Paint, Style } from '../admin/formatting.ts';

/** One thing that was looked at. */
export interface Finding {
  readonly state: 'ok' | 'note' | 'failed';
  /** "pool php", "site main", "127.0.0.1:8000" */
  readonly subject: string;
  /** What was found. */
  readonly message: string;
  /** What to do. @default the message says it, or there is nothing to do */
  readonly mend?: string;
}

/** Whether something has to be mended. */
export function hasFailed(findings: readonly Finding[]): boolean {
  return findings.some(({ state }) => state === 'failed');
}

const styles: Readonly<Record<Finding['state'], Style>> = { ok: 'green', note: 'yellow', failed: 'red' };

/** One line each, in columns; what to do follows what was found. */
export function formatFindings(findings: readonly Finding[], paint: Paint): string {
  const width = Math.max(...findings.map(({ subject }) => subject.length));
  const lines = findings.map(({ state, subject, message, mend }) => {
    const words = mend === undefined ? message : `${message}: ${mend}`;
    return `  ${paint(styles[state], state.padEnd(6))}  ${subject.padEnd(width)}  ${words}\n`;
  });
  return lines.join('');
}
