// Finds the PHP to run: the one that was asked for, or the first php-cgi of this machine, or embedded PHP; and says why that one.

import { accessSync, constants, globSync, readdirSync, statSync } from 'node:fs';
import { basename, delimiter, isAbsolute, join, resolve } from 'node:path';
import { PosternError } from '../errors.ts';
import { findEmbeddedPhp } from './embedded.ts';
import { type Inspection, inspectPhp } from './inspect.ts';
import { type PhpPlace, phpPlaces, versionedNames } from './places.ts';
import { newestFirst, type PhpVersion, versionWarnings } from './versions.ts';

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
  /** open_basedir of its php.ini; empty or absent: none. */
  readonly openBasedir?: string;
}

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
  /** Places to look at besides PATH. @default where systems keep it, and version managers under `home` */
  readonly places?: readonly PhpPlace[];
}

interface Candidate {
  readonly path: string;
  readonly reason: string;
}

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
  for (const group of candidates(options)) {
    const found: Php[] = [];
    for (const candidate of group) {
      if (seen.has(candidate.path)) continue;
      seen.add(candidate.path);
      const inspection = await inspectPhp(candidate.path, options.path);
      if (inspection.kind === 'php' && inspection.sapi === 'cgi-fcgi')
        found.push(cgiPhp(candidate, inspection, warnings));
      else warnings.push(`${candidate.path} was passed over: ${problem(inspection)}`);
    }
    const newest = found.sort((a, b) => newestFirst(a.version, b.version))[0];
    if (newest) return newest;
  }
  return findEmbeddedPhp('no php-cgi was found', [...warnings, ...(await commandLineOnly(options))]);
}

async function givenPhp({ wanted, path, folder }: FindPhpOptions): Promise<Php> {
  const isName = basename(wanted) === wanted;
  const given = isName
    ? executables(path, (name) => name === wanted)[0]
    : isAbsolute(wanted)
      ? wanted
      : resolve(folder, wanted);
  if (given === undefined) {
    throw unusable(wanted, 'there is no such program on PATH');
  }
  const inspection = await inspectPhp(given, path);
  if (inspection.kind !== 'php' || inspection.sapi !== 'cgi-fcgi') throw unusable(given, problem(inspection));
  return cgiPhp({ path: given, reason: 'as configured' }, inspection, []);
}

function cgiPhp(
  candidate: Candidate,
  { version, openBasedir }: Inspection & { kind: 'php' },
  warnings: readonly string[],
): Php {
  return { kind: 'cgi', ...candidate, version, openBasedir, warnings: [...warnings, ...versionWarnings(version)] };
}

/** Groups of candidates; the newest of the first group that has a usable one is taken. */
function* candidates({ path, home, places = phpPlaces(home) }: FindPhpOptions): Generator<Candidate[]> {
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

/** Whether there is a command-line PHP, which people expect to be enough: said in a sentence. */
async function commandLineOnly({ path }: FindPhpOptions): Promise<string[]> {
  const php = executables(path, (name) => /^php(?:\.exe)?$/.test(name))[0];
  if (php === undefined) return [];
  const inspection = await inspectPhp(php, path);
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

/** Programs in the folders of PATH whose name passes, in PATH's order, within a folder by name downwards. */
function executables(path: string, passes: (name: string) => boolean): string[] {
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
