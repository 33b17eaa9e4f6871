// Where a front thread begins: with the compiled code of an earlier start, before anything is loaded that could be in it.
// JavaScript, as `compile-cache.js` is: what a thread loads as TypeScript without such code costs it 12 MB and half a second.

import { enableCompileCache } from 'node:module';
import { workerData } from 'node:worker_threads';

const { compileCache, entry } = workerData;
if (compileCache !== null) enableCompileCache(compileCache);
await import(entry);
