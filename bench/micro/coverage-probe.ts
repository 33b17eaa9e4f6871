// Loaded into a Postern that `covered-service.ts` starts: counts which functions run between two of its messages.

import { Session } from 'node:inspector/promises';

/** A function that ran: where it begins in its file, in characters. */
export interface RanFunction {
  readonly url: string;
  readonly name: string;
  readonly offset: number;
}

/**
 * begin still: time stands still until the next `begin`, and no timer runs. On a busy machine each request would take long enough for one, or for
 * something to be looked at again.
 */
export type Beginning = 'begin' | 'begin still';

/** When it was when time began to stand still; null: it goes on. */
let stillMs: { readonly now: number; readonly wall: number } | null = null;
/** Timers that have come meanwhile. */
const late: (() => void)[] = [];

const nowOf = performance.now.bind(performance);
const wallOf = Date.now;
performance.now = () => stillMs?.now ?? nowOf();
Date.now = () => stillMs?.wall ?? wallOf();
for (const name of ['setTimeout', 'setInterval'] as const) {
  const start: (run: () => void, delayMs?: number) => unknown = globalThis[name];
  const startHeld = (run: (...given: unknown[]) => void, delayMs?: number, ...given: unknown[]): unknown =>
    start(() => {
      if (stillMs === null) run(...given);
      else late.push(() => run(...given));
    }, delayMs);
  Object.assign(globalThis, { [name]: startHeld });
}

const session = new Session();
session.connect();
await session.post('Profiler.enable');

process.on('message', async (message: Beginning | 'end') => {
  if (message === 'begin still') stillMs ??= { now: nowOf(), wall: wallOf() };
  if (message === 'begin') {
    stillMs = null;
    for (const run of late.splice(0)) run();
  }
  if (message !== 'end') {
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    // What ran until now does not count.
    await session.post('Profiler.takePreciseCoverage');
    process.send!([]);
    return;
  }
  const { result } = await session.post('Profiler.takePreciseCoverage');
  // A module's own body is no function.
  const ran: RanFunction[] = result.flatMap(({ url, functions }) =>
    functions
      .filter(
        ({ functionName: name, ranges: [whole] }) => whole!.count > 0 && !(name === '' && whole!.startOffset === 0),
      )
      .map(({ functionName: name, ranges: [whole] }) => ({ url, name, offset: whole!.startOffset })),
  );
  process.send!(ran);
});
