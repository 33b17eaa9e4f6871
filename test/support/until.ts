// Waits for what no event tells of.

import { setTimeout as wait } from 'node:timers/promises';

/** Generous: the machine may be busy with other tests. */
const patienceMs = 30_000;

/**
 * Waits until something is so. A question that fails is answered with no: who is asked may be starting, or short of something.
 * @param what it waits for, in words, or what tells them when it does not come
 */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  what: string | (() => string) = String(isSo),
): Promise<void> {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    let failure: unknown;
    try {
      if (await isSo()) return;
    } catch (thrown) {
      failure = thrown;
    }
    if (performance.now() > endMs) {
      const words = typeof what === 'string' ? what : what();
      throw new Error(`not within ${patienceMs} ms: ${words}`, { cause: failure });
    }
    await wait(10);
  }
}
