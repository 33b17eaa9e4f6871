// One thing that `check` has looked at, and how it is told.

import type { Paint, Style } from '../admin/formatting.ts';
import type { PosternError } from '../errors.ts';

/** One thing that was looked at. */
export type Finding = FindingOf<'ok', null> | FindingOf<'note' | 'failed', string>;

interface FindingOf<State, Mend> {
  readonly state: State;
  /** "pool php", "site main", "127.0.0.1:8000" */
  readonly subject: string;
  /** What was found. */
  readonly message: string;
  /** What to do; null: nothing has to be done. */
  readonly mend: Mend;
}

/** What is well. */
export function fine(subject: string, message: string): Finding {
  return { state: 'ok', subject, message, mend: null };
}

/** What is better looked at. */
export function note(subject: string, message: string, mend: string): Finding {
  return { state: 'note', subject, message, mend };
}

/** What has to be mended. */
export function failed(subject: string, message: string, mend: string): Finding {
  return { state: 'failed', subject, message, mend };
}

/** What messages of the log end with, where they say what to do. */
const advice =
  /^(.*?): ((?:add|build|chmod|choose|correct|create|give|install|look|mend|name|pass|raise|rename|run|see|set|start|stop|update|use|write)\b.*)$/s;

/** A message in the words of the log, "what: what to do", in its two parts. @param otherwise what to do where the message does not say it */
export function inParts(message: string, otherwise: string): readonly [message: string, mend: string] {
  const [, what, mend] = advice.exec(message) ?? [];
  return [what ?? message, mend ?? otherwise];
}

/** What is wrong with a configuration: a finding for each line of the error. */
export function findingsOf(error: PosternError): readonly Finding[] {
  return error.message.split('\n').map((line) => failed('configuration', ...inParts(line, 'correct it there')));
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
    const words = mend === null ? message : `${message}: ${mend}`;
    return `  ${paint(styles[state], state.padEnd(6))}  ${subject.padEnd(width)}  ${words}\n`;
  });
  return lines.join('');
}
