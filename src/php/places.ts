// Where systems keep php-cgi: the names it has on PATH, and the folders outside of it. Pure.

/** A pattern of paths, and whose they are. */
export interface PhpPlace {
  /** Glob of absolute paths. */
  readonly pattern: string;
  /** For the line that says why a PHP was taken. */
  readonly whose: string;
}

/** Names of php-cgi in a folder of PATH, besides `php-cgi` itself: Debian's php-cgi8.4, Alpine's php-cgi84, Remi's php84-cgi. */
export const versionedNames: readonly RegExp[] = [
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
