// Looks for the PHP of pools while the rest of a start is loaded.

import { type FindPhp, findPhpAhead } from '../php/find-php.ts';

/**
 * Begins to look, as the pools will.
 * @param wanted what `php` in their sections says
 * @param folder of the configuration
 */
export function phpAhead(wanted: readonly string[], folder: string): FindPhp {
  const { PATH: path = '', HOME: home = null } = process.env;
  return findPhpAhead([...new Set(wanted)].map((php) => ({ wanted: php, path, home, folder })));
}
