// `postern status --watch`, which is `postern top`: looks at a service again and again and draws it, until a key or a signal ends it.

import { setTimeout as wait } from 'node:timers/promises';
import type { Paint } from '../admin/formatting.ts';
import type { ServiceStatus } from '../admin/source.ts';
import { WatchRates } from '../admin/watch-rates.ts';
import { countLanes, firstChoice, type WatchChoice, watchLines } from '../admin/watch-screen.ts';
import { FullScreen } from './full-screen.ts';
import type { Output } from './terminal.ts';
import { keysOf, pressKey } from './watch-keys.ts';

/** What is watched. */
export interface Watched {
  /** As it was found. */
  readonly first: ServiceStatus;
  /** Looks again; finds the service anew where it was started anew. Rejects where it does not answer. */
  readonly look: () => Promise<ServiceStatus>;
  readonly intervalMs: number;
}

/** Lines of the screen that are no lanes, for one page of scrolling; there are more where there are many pools. */
const linesAround = 8;

/** Draws on the whole window. Resolves with the signal that has ended it, null for a key or a terminal that is gone. */
export async function watchOnScreen(watched: Watched, paint: Paint): Promise<NodeJS.Signals | null> {
  const rates = new WatchRates();
  const ended = Promise.withResolvers<NodeJS.Signals | null>();
  const over = new AbortController();
  let { first: status } = watched;
  let choice: WatchChoice = firstChoice;
  let trouble: string | null = null;
  const draw = (): void => screen.draw(watchLines({ status, rates, choice, trouble }, screen.size, paint));
  const press = (key: string): void => {
    const outcome = pressKey(choice, key, Math.max(1, screen.size.rows - linesAround), countLanes(status, choice));
    if (outcome === 'quit') ended.resolve(null);
    else if (outcome === 'suspend') screen.suspend();
    else choice = outcome;
  };
  const screen = new FullScreen({
    keys: (bytes) => {
      for (const key of keysOf(bytes)) press(key);
      draw();
    },
    redraw: draw,
    ended: ended.resolve,
  });
  rates.take(status, performance.now());
  screen.open();
  try {
    draw();
    const looking = lookOn(
      watched,
      over.signal,
      () => choice.isPaused,
      (next) => {
        if (typeof next === 'string') trouble = next;
        else {
          trouble = null;
          status = next;
          rates.take(next, performance.now());
        }
        draw();
      },
    );
    const signal = await Promise.race([ended.promise, looking]);
    return signal ?? null;
  } finally {
    over.abort();
    screen.close();
  }
}

/** Looks until it is aborted. @param tell the status, or why there is none */
async function lookOn(
  { look, intervalMs }: Watched,
  signal: AbortSignal,
  isPaused: () => boolean,
  tell: (next: ServiceStatus | string) => void,
): Promise<never> {
  for (;;) {
    await wait(intervalMs, undefined, { signal }).catch(() => new Promise(() => {}));
    if (isPaused()) continue;
    const next = await look().catch((error: Error) => `${error.message.split('\n')[0]}: trying again`);
    if (!signal.aborted && !isPaused()) tell(next);
  }
}

/** Prints a line of JSON for each look, until nobody reads them any more. */
export async function watchAsJson({ first, look, intervalMs }: Watched, out: Output): Promise<void> {
  let status = first;
  while (await out.writeBytes(Buffer.from(`${JSON.stringify(status)}\n`))) {
    await wait(intervalMs);
    status = await look();
  }
}
