#!/usr/bin/env node
// The command's entry: as the first process of a container it makes way for one that reaps; where Node is too old it takes a checkout's own, or refuses it in one line; then it runs what was built, or the sources
// of a checkout that were changed since, with the compiled code of an earlier start.
import { existsSync } from 'node:fs';

const [major, minor] = process.versions.node.split('.').map(Number);
const isTooOld = major < 22 || (major === 22 && minor < 18);
if (process.pid === 1 && ['run', 'serve'].includes(process.argv[2])) {
  (await import('./first-process.js')).makeWayForReaper();
}
const { runWithOwnNode } = isTooOld ? await import('./own-node.js') : {};
if (!isTooOld) await run();
else if (!runWithOwnNode()) {
  process.stderr.write(
    `postern: Node ${process.versions.node} is too old (${process.execPath}): install Node 22.18 or newer, or run "npm ci" in a checkout, which brings its own\n`,
  );
  process.exit(1);
}

async function run() {
  // `npm run postern` in a checkout: npm has gone to its top, and paths were meant from where it was called.
  const sources = new URL('../src/cli/main.ts', import.meta.url);
  const isCheckout = existsSync(sources);
  if (isCheckout && process.env.npm_lifecycle_event === 'postern' && process.env.INIT_CWD) {
    process.chdir(process.env.INIT_CWD);
  }
  const { keepCompiledCode } = await import('./compile-cache.js');
  keepCompiledCode();
  const isBuilt = !isCheckout || (await import('./build-state.js')).isBuilt(new URL('..', import.meta.url).pathname);
  await import(isBuilt ? new URL('../dist/cli/main.js', import.meta.url).href : sources.href);
}
