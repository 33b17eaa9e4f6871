// Where php-cgi may be: the names it has on PATH, the folders that systems keep it in, and which of all that is there.

import { accessSync, constants, globSync, readdirSync, statSync } from 'node:fs';
import { basename, delimiter, isAbsolute, join } from 'node:path';

/** A pattern of paths, and whose they are. */
export interface PhpPlace {
  /** Glob of absolute paths. */
  readonly pattern: string;
  /** For the line that says why a PHP was taken. */
  readonly whose: string;
}

/** A program that may be PHP. */
export interface PhpCandidate {
  readonly path: string;
  readonly reason: string;
}

/** Names of php-cgi in a folder of PATH, besides `php-cgi` itself: Debian's php-cgi8.4, Alpine's php-cgi84, Remi's php84-cgi. */
const versionedNames: readonly RegExp[] = [
  /^php-cgi-?\d(?:\.?\d{1,2})?(?:\.exe)?$/,
  /^php-?\d\.?\d{1,2}-cgi(?:\.exe)?$/,
];

/** Places outside of PATH, in the order in which they are looked at. */
export function phpPlaces(home: string | null): PhpPlace[] {
  const places = [
    { pattern: '/usr/bin/php-cgi*', whose: "Debian's" },
    { pattern: '/usr/lib/cgi-bin/php*', whose: "Debian's" },
    { pattern: '/usr/local/bin/php-cgi*', whose: 'a locally built' },
    { pattern: '/opt/homebrew/opt/php*/bin/php-cgi', whose: "Homebrew's" },
    { pattern: '/usr/local/opt/php*/bin/php-cgi', whose: "Homebrew's" },
    { pattern: '/home/linuxbrew/.linuxbrew/opt/php*/bin/php-cgi', whose: "Homebrew's" },
    { pattern: '/opt/local/bin/php-cgi*', whose: "MacPorts'" },
    { pattern: '/opt/remi/php*/root/usr/bin/php-cgi', whose: "Remi's" },
    { pattern: '/opt/plesk/php/*/bin/php-cgi', whose: "Plesk's" },
    { pattern: '/opt/cpanel/ea-php*/root/usr/bin/php-cgi', whose: "cPanel's" },
    { pattern: '/opt/lampp/bin/php-cgi*', whose: "XAMPP's" },
  ];
  if (home === null) return places;
  return [
    ...places,
    { pattern: `${home}/.phpenv/versions/*/bin/php-cgi`, whose: "phpenv's" },
    { pattern: `${home}/.asdf/installs/php/*/bin/php-cgi`, whose: "asdf's" },
    { pattern: `${home}/.phpbrew/php/*/bin/php-cgi`, whose: "phpbrew's" },
  ];
}

/** Groups of candidates; the newest of the first group that has a usable one is taken. */
export function* phpCandidates(path: string, places: readonly PhpPlace[]): Generator<PhpCandidate[]> {
  for (const found of executables(path, (name) => /^php-cgi(?:\.exe)?$/.test(name))) {
    yield [{ path: found, reason: 'the php-cgi on PATH' }];
  }
  const isVersioned = (name: string) => versionedNames.some((pattern) => pattern.test(name));
  yield executables(path, isVersioned).map((found) => ({ path: found, reason: `${basename(found)} on PATH` }));
  for (const { pattern, whose } of places) {
    yield globSync(pattern)
      .filter(isExecutable)
      .map((found) => ({ path: found, reason: `${whose} php-cgi, not on PATH` }));
  }
}

/** Programs in the folders of PATH whose name passes, in PATH's order, within a folder by name downwards. */
export function executables(path: string, passes: (name: string) => boolean): string[] {
  const folders = path.split(delimiter).filter(isAbsolute);
  return [...new Set(folders)].flatMap((folder) =>
    namesIn(folder)
      .filter(passes)
      .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
      .map((name) => join(folder, name))
      .filter(isExecutable),
  );
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // PATH may name folders that are not there, or are closed to us
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
