// Whether what `npm run build` made is still what the sources say: a checkout runs it only then.
// By size and time of each file, not by what is newest: a checkout of an older commit, or a copy, may be older than the build.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Holds the state of the sources that were built. */
export const built = 'dist/built-from.txt';

/** Whether `root`, a checkout, is built as it is now. */
export function isBuilt(root) {
  try {
    return readFileSync(join(root, built), 'utf8') === stateOfSources(root);
  } catch {
    return false;
  }
}

/** All that a build depends on, a line a file: path, size in bytes, time of change in ms. */
export function stateOfSources(root) {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  const files = ['package.json', 'package-lock.json', 'build.ts', ...sources.sort().map((name) => `src/${name}`)];
  return files
    .filter((file) => /\.(?:ts|json)$/.test(file))
    .map((file) => {
      const { size, mtimeMs } = statSync(join(root, file));
      return `${file} ${size} ${Math.floor(mtimeMs)}\n`;
    })
    .join('');
}
