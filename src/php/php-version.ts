// PHP versions: reading them, and what is known to be unsafe about one. Pure.

import type { Program } from '../worker/program.ts';

/** A PHP version. */
export interface PhpVersion {
  /** As PHP says it: "8.2.36", "8.5.0RC1". */
  readonly text: string;
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** Whether it is a release; false for alpha, beta, RC and dev builds. */
  readonly isRelease: boolean;
}

/** What a PHP says of itself when asked with -v. */
export interface PhpBanner {
  readonly version: PhpVersion;
  /** "cgi-fcgi", "cli", "fpm-fcgi", ... */
  readonly sapi: string;
}

/**
 * CVE-2026-129289: the first release of each branch that does not read an unread request body as new records.
 * A branch that is not here counts as unsafe: either it is older, or nobody looked at it yet.
 */
const bodyReuseFixedIn: Readonly<Record<string, number>> = { '8.2': 36, '8.3': 37, '8.4': 28, '8.5': 13 };

/** Reads "8.2.36", "8.5.0RC1", "7.0.33-0+deb9u12"; null when it is not a version. */
export function parsePhpVersion(text: string): PhpVersion | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,4})(\S*)$/.exec(text);
  if (!match) return null;
  const isRelease = !/^-?(?:dev|alpha|beta|RC)/i.test(match[4]!);
  return { text, major: Number(match[1]), minor: Number(match[2]), patch: Number(match[3]), isRelease };
}

/** Finds PHP's version line, "PHP 8.2.36 (cgi-fcgi) (built: ...)", in what it printed; null when it is not PHP that printed it. */
export function parsePhpBanner(output: string): PhpBanner | null {
  // Warnings about extensions may come before it.
  const match = /^PHP (\S+) \(([\w-]+)\)/m.exec(output);
  const version = match ? parsePhpVersion(match[1]!) : null;
  return version ? { version, sapi: match![2]! } : null;
}

/** Orders versions, newest first; a pre-release comes after its release. */
export function newestFirst(a: PhpVersion, b: PhpVersion): number {
  return b.major - a.major || b.minor - a.minor || b.patch - a.patch || Number(b.isRelease) - Number(a.isRelease);
}

/** When a connection to this PHP may serve another request. null: the version is not known. */
export function connectionReuse(version: PhpVersion | null): Program['reuse'] {
  if (version === null || !version.isRelease) return 'bodiless';
  const fixedIn = bodyReuseFixedIn[branchOf(version)];
  return fixedIn !== undefined && version.patch >= fixedIn ? 'always' : 'bodiless';
}

/** What an operator should know about this version, as sentences; none for a good one. */
export function versionWarnings(version: PhpVersion | null): string[] {
  if (connectionReuse(version) === 'always') return [];
  const what = 'connections are not reused after requests with a body (CVE-2026-129289)';
  if (version === null) return [`the version of this PHP is not known: ${what}`];
  const fixedIn = bodyReuseFixedIn[branchOf(version)];
  if (fixedIn !== undefined)
    return [`PHP ${version.text}: ${what}: update to ${branchOf(version)}.${fixedIn} or newer`];
  const isOld = version.major < 8 || (version.major === 8 && version.minor < 2);
  const cause = isOld ? 'this branch gets no fixes any more' : 'no fixed release of this branch is known';
  return [`PHP ${version.text}: ${cause}, so ${what}`];
}

function branchOf(version: PhpVersion): string {
  return `${version.major}.${version.minor}`;
}
