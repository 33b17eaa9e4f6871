// fast-check with a fixed seed, so that each run of the tests draws the same cases. SEED sets another one; `SEED=random` draws a new one.

import fc from 'fast-check';

/** The seed of `npm test` and of CI; any number would do. */
const fixedSeed = 20_260_101;

/** What SEED, or `--seed`, asks for: a number, or a new one. */
export function seedOf(wanted: string | undefined): number {
  if (wanted === undefined || wanted === '') return fixedSeed;
  const seed = wanted === 'random' ? Date.now() % 1_000_000_007 : Number(wanted);
  if (!Number.isSafeInteger(seed)) throw new Error(`${wanted} is no seed: a whole number, or "random"`);
  return seed;
}

fc.configureGlobal({ seed: seedOf(process.env.SEED) });

export default fc;
