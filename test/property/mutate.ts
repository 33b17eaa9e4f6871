// Loaded ahead of a fuzzer (`--import`): it changes one line of one source as `MUTANT` says, and fails where that line is not there, or there twice.

import { registerHooks } from 'node:module';
import type { Mutant } from './mutants.ts';

const { file, from, to } = JSON.parse(process.env.MUTANT!) as Mutant;
const url = new URL(`../../src/${file}`, import.meta.url).href;

registerHooks({
  load(asked, context, next) {
    const loaded = next(asked, context);
    if (asked !== url) return loaded;
    const parts = String(loaded.source).split(from);
    // As no invariant would: the list is to be mended.
    if (parts.length !== 2) throw new Error(`no mutant: ${file} has ${parts.length - 1} times ${JSON.stringify(from)}`);
    return { ...loaded, source: parts.join(to) };
  },
});
