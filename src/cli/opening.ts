// What the terminal shows while a service starts: that it does, where that takes long; and then what came meanwhile, after the start message.

import type { Output } from './terminal.ts';

/** A start is told of when it takes so long. */
const worthTellingMs = 1_000;
/** Lines that come before the start message are kept up to so many; more are written at once. */
const mostKept = 1_000;

/** A start on its way. */
export interface Opening {
  /** Writes a line, now or when the start is over. */
  write(line: string): void;
  /** The start is over: writes a text, then what was kept. Repeatable. */
  end(text: string): void;
}

/** Begins to look after a start. @param waitMs how long it may take without a word */
export function beginOpening(out: Output, waitMs = worthTellingMs): Opening {
  let kept: string[] | null = [];
  const timer = setTimeout(() => out.keepLine(out.paint('dim', 'starting ...')), waitMs);
  return {
    write(line) {
      if (kept !== null && kept.length < mostKept) kept.push(line);
      else out.write(line);
    },
    end(text) {
      clearTimeout(timer);
      out.keepLine('');
      out.write([text, ...(kept ?? [])].join(''));
      kept = null;
    },
  };
}
