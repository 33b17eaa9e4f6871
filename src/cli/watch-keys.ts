// What keys do while `postern status --watch` runs: bytes of the terminal become keys, and a key changes what was chosen. Pure.

import { sortOrders, type WatchChoice } from '../admin/watch-screen.ts';

/** What a key asks for that is no choice. */
export type KeyOutcome = WatchChoice | 'quit' | 'suspend';

/** One key as the terminal sends it: an escape sequence, or a character. */
export function keysOf(bytes: string): string[] {
  // CSI and SS3 sequences (ECMA-48); a lone ESC is the key.
  return bytes.match(/\x1b\[[0-9;?]*[ -/]*[@-~]|\x1bO.|[\s\S]/gu) ?? [];
}

/** Longest filter: more was not meant to be one. */
const longestFilter = 100;

/**
 * What a key does.
 * @param page lanes that the window has room for
 * @param count lanes that there are
 */
export function pressKey(choice: WatchChoice, key: string, page: number, count: number): KeyOutcome {
  if (key === '\x03') return 'quit';
  if (key === '\x1a') return 'suspend';
  if (choice.isTyping) return typeKey(choice, key);
  const scrollTo = (scroll: number): WatchChoice => ({
    ...choice,
    scroll: Math.max(0, Math.min(scroll, count - page)),
  });
  switch (key) {
    case 'q':
    case 'Q':
      return 'quit';
    case 'p':
    case ' ':
      return { ...choice, isPaused: !choice.isPaused };
    case 's':
      return { ...choice, sort: orderAfter(choice.sort, 1), scroll: 0 };
    case 'S':
      return { ...choice, sort: orderAfter(choice.sort, -1), scroll: 0 };
    case 'r':
      return { ...choice, isReversed: !choice.isReversed, scroll: 0 };
    case '/':
      return { ...choice, isTyping: true };
    case '\x1b':
      return { ...choice, filter: '', scroll: 0 };
    case '\x1b[A':
    case '\x1bOA':
    case 'k':
      return scrollTo(choice.scroll - 1);
    case '\x1b[B':
    case '\x1bOB':
    case 'j':
      return scrollTo(choice.scroll + 1);
    case '\x1b[5~':
      return scrollTo(choice.scroll - page);
    case '\x1b[6~':
      return scrollTo(choice.scroll + page);
    case '\x1b[H':
    case 'g':
      return scrollTo(0);
    case '\x1b[F':
    case 'G':
      return scrollTo(count);
    default:
      return choice;
  }
}

/** While the filter is typed. */
function typeKey(choice: WatchChoice, key: string): WatchChoice {
  const { filter } = choice;
  if (key === '\r' || key === '\n') return { ...choice, isTyping: false };
  if (key === '\x1b') return { ...choice, isTyping: false, filter: '', scroll: 0 };
  if (key === '\x7f' || key === '\b') return { ...choice, filter: filter.slice(0, -1), scroll: 0 };
  if (key === '\x15') return { ...choice, filter: '', scroll: 0 };
  // Keys that are no characters change nothing.
  if (key < ' ' || key.startsWith('\x1b') || filter.length >= longestFilter) return choice;
  return { ...choice, filter: filter + key, scroll: 0 };
}

function orderAfter(sort: WatchChoice['sort'], step: 1 | -1): WatchChoice['sort'] {
  const index = (sortOrders.indexOf(sort) + step + sortOrders.length) % sortOrders.length;
  return sortOrders[index]!;
}
