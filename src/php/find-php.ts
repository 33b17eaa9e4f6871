// Finds the PHP to run: the one that was asked for, or the first php-cgi of this machine, or embedded PHP; and says why that one.

import { readFileSync } from 'node:fs';
import { basename, isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PosternError } from '../errors.ts';
import { type Inspection, inspectPhp } from './inspect-php.ts';
import { executables, type PhpCandidate, type PhpPlace, phpCandidates, phpPlaces } from './php-places.ts';
import { newestFirst, type PhpVersion, parsePhpVersion, versionWarnings } from './php-version.ts';

/** A PHP that can be run. */
export interface Php {
  /** `cgi`: a php-cgi of this machine; `embedded`: the one in `@postern/php-wasm`. */
  readonly kind: 'cgi' | 'embedded';
  /** Absolute path of php-cgi, or of embedded PHP's program. */
  readonly path: string;
  readonly version: PhpVersion;
  /** Why this one, to be put after a comma: "the php-cgi on PATH". */
  readonly reason: string;
  /** What an operator should know, as sentences. */
  readonly warnings: readonly string[];
}

/** How PHP is looked for. */
export type FindPhp = (options: FindPhpOptions) => Promise<Php>;

/** What to look for, and where. */
export interface FindPhpOptions {
  /** "auto", "wasm", a path, or a name on PATH. */
  readonly wanted: string;
  /** Folders to look in, as PATH has them. */
  readonly path: string;
  /** The user's home folder, for version managers that live there; null: they are not looked for. */
  readonly home: string | null;
  /** Folder from which a relative path counts. */
  readonly folder: string;
  /** What runs a program in place of itself, as another user: a command and its arguments. @default nothing */
  readonly wrapper?: readonly string[];
  /** Places to look at besides PATH. @default where systems keep it, and version managers under `home` */
  readonly places?: readonly PhpPlace[];
}

// An optional package: located at run time and run as a process of its own, never imported, so that this package stands without it.
const packageName = '@postern/php-wasm';

/** What `serve` says when embedded PHP was taken. */
export const embeddedNotice =
  'embedded PHP is meant for trying and development: no MySQL, no outgoing network, no exec; for more, install php-cgi (Debian: apt install php-cgi; macOS: brew install php)';

/**
 * Finds a PHP. "auto" takes, in this order: `php-cgi` on PATH, a versioned name on PATH (newest first), a place that
 * systems keep it in (newest first), embedded PHP.
 * @throws CONFIG_INVALID when what was asked for is not there or cannot be used, and when nothing is found
 */
export async function findPhp(options: FindPhpOptions): Promise<Php> {
  if (options.wanted === 'wasm') return findEmbeddedPhp('php is set to wasm', []);
  if (options.wanted !== 'auto') return givenPhp(options);
  const warnings: string[] = [];
  const seen = new Set<string>();
  for (const group of phpCandidates(options.path, options.places ?? phpPlaces(options.home))) {
    const found: Php[] = [];
    for (const candidate of group) {
      if (seen.has(candidate.path)) continue;
      seen.add(candidate.path);
      const inspection = await inspectPhp(candidate.path, options.path, options.wrapper);
      if (inspection.kind === 'php' && inspection.sapi === 'cgi-fcgi')
        found.push(cgiPhp(candidate, inspection, warnings));
      else warnings.push(`${candidate.path} was passed over: ${problem(inspection)}`);
    }
    const newest = found.sort((a, b) => newestFirst(a.version, b.version))[0];
    if (newest) return newest;
  }
  return findEmbeddedPhp('no php-cgi was found', [...warnings, ...(await commandLineOnly(options))]);
}

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

/**
 * Locates embedded PHP.
 * @throws CONFIG_INVALID when the package is not installed, with what to install
 */
export function findEmbeddedPhp(reason: string, warnings: readonly string[]): Php {
  const main = locate(packageName);
  const manifest = locate(`${packageName}/package.json`);
  if (main === null || manifest === null) {
    const passedOver = warnings.map((warning) => ` (${warning})`).join('');
    throw new PosternError(
      'CONFIG_INVALID',
      `${reason}, and embedded PHP is not installed${passedOver}: install php-cgi (Debian: apt install php-cgi; macOS: brew install php), or run npm install ${packageName} (an optional package, which npm leaves out without a word where it cannot be had)`,
    );
  }
  const version = parsePhpVersion(String(JSON.parse(readFileSync(manifest, 'utf8')).phpVersion));
  if (!version)
    throw new PosternError('CONFIG_INVALID', `${manifest} names no PHP version: install ${packageName} again`);
  return { kind: 'embedded', path: main, version, reason, warnings };
}

async function givenPhp({ wanted, path, folder, wrapper }: FindPhpOptions): Promise<Php> {
  const isName = basename(wanted) === wanted;
  const given = isName
    ? executables(path, (name) => name === wanted)[0]
    : isAbsolute(wanted)
      ? wanted
      : resolve(folder, wanted);
  if (given === undefined) {
    throw unusable(wanted, 'there is no such program on PATH');
  }
  const inspection = await inspectPhp(given, path, wrapper);
  if (inspection.kind !== 'php' || inspection.sapi !== 'cgi-fcgi') throw unusable(given, problem(inspection));
  return cgiPhp({ path: given, reason: 'as configured' }, inspection, []);
}

function cgiPhp(candidate: PhpCandidate, { version }: Inspection & { kind: 'php' }, warnings: readonly string[]): Php {
  return { kind: 'cgi', ...candidate, version, warnings: [...warnings, ...versionWarnings(version)] };
}

function locate(specifier: string): string | null {
  try {
    return fileURLToPath(import.meta.resolve(specifier));
  } catch {
    return null;
  }
}

/** Whether there is a command-line PHP, which people expect to be enough: said in a sentence. */
async function commandLineOnly({ path, wrapper }: FindPhpOptions): Promise<string[]> {
  const php = executables(path, (name) => /^php(?:\.exe)?$/.test(name))[0];
  if (php === undefined) return [];
  const inspection = await inspectPhp(php, path, wrapper);
  return [`${php} was passed over: ${problem(inspection)}`];
}

function unusable(path: string, why: string): PosternError {
  return new PosternError('CONFIG_INVALID', `php = "${path}": ${why}`);
}

/** Why a program cannot be taken, and what to do. */
function problem(inspection: Inspection): string {
  if (inspection.kind === 'failed') return `${inspection.why}; give the path of a php-cgi, or "auto"`;
  const branch = `${inspection.version.major}.${inspection.version.minor}`;
  const install = `install php-cgi of the same version (Debian: apt install php${branch}-cgi)`;
  if (inspection.sapi === 'cli')
    return `it is PHP's command line (${inspection.version.text}), which speaks no FastCGI; ${install}`;
  if (inspection.sapi === 'fpm-fcgi') {
    return `it is PHP-FPM, which starts its own workers; ${install}, or write connect = "unix:/PATH/OF/ITS/SOCKET" in place of php`;
  }
  return `it is PHP for ${inspection.sapi}, which speaks no FastCGI; ${install}`;
}

function keyOf({ wanted, path, home, folder }: FindPhpOptions): string {
  return JSON.stringify([wanted, path, home, folder]);
}
