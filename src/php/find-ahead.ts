// Looks for PHP before anybody asks for it: it answers on another processor while the rest of a start is loaded.

import { type FindPhpOptions, findPhp, type Php } from './find.ts';

/** How PHP is looked for. */
export type FindPhp = (options: FindPhpOptions) => Promise<Php>;

/**
 * Begins to look for each of `searches`.
 * @returns `findPhp`, where the first who asks for one of them gets what was begun; later ones look again
 */
export function findPhpAhead(searches: readonly FindPhpOptions[]): FindPhp {
  const begun = searches.map((options) => ({ key: keyOf(options), found: findPhp(options) }));
  // Told to whoever asks; nobody may, when something else goes wrong first.
  for (const { found } of begun) found.catch(() => {});
  return (options) => {
    const at = begun.findIndex(({ key }) => key === keyOf(options));
    return at < 0 ? findPhp(options) : begun.splice(at, 1)[0]!.found;
  };
}

function keyOf({ wanted, path, home, folder }: FindPhpOptions): string {
  return JSON.stringify([wanted, path, home, folder]);
}
