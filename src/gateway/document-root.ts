// Looks up paths under a folder: what is there, by its real path, and whether it may be shown or run.
//
// What was found is believed for `validMs` (the key pathCache; a second as a rule): a lookup costs a stat and a realpath, some ten
// microseconds, and a busy site asks for the same few scripts. A file that is removed within that time is then reported
// by the program instead ("no input file"); a link that is turned to elsewhere is followed as before. What was not found
// is looked for each time, so a new file is there at once. The calls are synchronous: an asynchronous one costs more
// than the work, on a local disk. The root itself is looked at again as often, so "current -> release-7" may be switched.

import { realpathSync, type Stats, statSync } from 'node:fs';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { PosternError } from '../errors.ts';
import { isAscii, textToBytes } from '../protocol/text.ts';
import type { HiddenNames } from './hidden-names.ts';
import { OwnFiles } from './own-files.ts';

/** Something that exists under the root. Byte strings. */
export interface Entry {
  readonly kind: 'file' | 'folder';
  readonly realPath: string;
  /** Real path within the root, beginning with "/"; null when a link led out of the root. */
  readonly realUrlPath: string | null;
  /** Whether it is not there for any client: by its name, its real name, or since it is the service's own. */
  readonly isHidden: boolean;
  /** Whether its name or its real name is that of a program's source. */
  readonly isSource: boolean;
  /** Whether it can be executed, and is named as CGI programs are. */
  readonly isCgiProgram: boolean;
}

/** What a DocumentRoot needs to know. */
export interface DocumentRootOptions {
  /** Absolute path, as text. */
  readonly root: string;
  readonly names: HiddenNames;
  /** Folders outside the root that links may lead to; texts. */
  readonly linkFolders: readonly string[];
  /** Absolute paths of the service's own files; texts. */
  readonly hiddenFiles: readonly string[];
  readonly validMs: number;
  readonly clock: Clock;
}

const MAX_ENTRIES = 4096;
const MAX_PATH_LENGTH = 4096;

/** One document root. */
export class DocumentRoot {
  readonly names: HiddenNames;
  readonly #options: DocumentRootOptions;
  readonly #ownFiles: OwnFiles;
  readonly #entries = new LRUCache<string, Entry>({ max: MAX_ENTRIES });
  #realRoot = '';
  #linkFolders: readonly string[] = [];
  /** From then on what was found is believed no more: the next look forgets it. */
  validUntilMs = Number.NEGATIVE_INFINITY;
  /** How often all that was found was forgotten, and how often nothing was found. */
  renewals = 0;
  misses = 0;

  constructor(options: DocumentRootOptions) {
    this.names = options.names;
    this.#options = options;
    this.#ownFiles = new OwnFiles(options.hiddenFiles);
  }

  /** Real path of the root, as a byte string without a slash at its end. @throws INTERNAL when it is not there */
  get path(): string {
    this.#renew();
    return this.#realRoot;
  }

  /** Paths that the root may be called by: the real one, and the configured one, which may be a link. Byte strings, as `path`. */
  get spellings(): readonly string[] {
    return [this.path, textToBytes(this.#options.root.replace(/\/+$/, ''))];
  }

  /**
   * What is at a path, or null: nothing, neither file nor folder, or out of bounds.
   * @param path decoded and normalised, beginning with "/"; a byte string
   */
  look(path: string): Entry | null {
    this.#renew();
    // All are forgotten together, so which was used last need not be known.
    const known = this.#entries.peek(path);
    if (known !== undefined) return known;
    const entry = this.#find(path);
    if (entry === null) this.misses += 1;
    else if (this.#options.validMs > 0) this.#entries.set(path, entry);
    return entry;
  }

  #renew(): void {
    const nowMs = this.#options.clock.now();
    if (nowMs < this.validUntilMs) return;
    this.validUntilMs = nowMs + this.#options.validMs;
    this.renewals += 1;
    this.#entries.clear();
    const real = realPathOf(textToBytes(this.#options.root));
    if (real === null) {
      throw new PosternError('INTERNAL', `the document root ${this.#options.root} is not there: create it`);
    }
    this.#realRoot = real === '/' ? '' : real;
    this.#linkFolders = this.#options.linkFolders
      .map((folder) => realPathOf(textToBytes(folder)))
      .filter((folder) => folder !== null);
    this.#ownFiles.renew();
  }

  #find(path: string): Entry | null {
    if (path.length > MAX_PATH_LENGTH) return null;
    const plain = (this.#realRoot + path).replace(/(.)\/$/, '$1');
    const plainStats = statOf(plain);
    if (plainStats === null) return null;
    const real = realPathOf(plain);
    if (real === null || !this.#isAllowed(real)) return null;
    // A link was followed, or the file system ignores case: then the names that are really there must be allowed too.
    const stats = real === plain ? plainStats : statOf(real);
    if (stats === null || (path.endsWith('/') && !stats.isDirectory())) return null;
    const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : null;
    if (kind === null) return null;
    const realUrlPath = isWithin(real, this.#realRoot) ? real.slice(this.#realRoot.length) : null;
    const realName = realUrlPath ?? real.slice(real.lastIndexOf('/'));
    const { names } = this;
    const isExecutable = kind === 'file' && (stats.mode & 0o111) !== 0;
    const isOwn = kind === 'file' && this.#ownFiles.has(real, stats);
    return {
      kind,
      realPath: real,
      realUrlPath,
      isHidden: isOwn || names.isHidden(path) || (realName !== path && names.isHidden(realName)),
      isSource: kind === 'file' && (names.isSource(path) || names.isSource(realName)),
      isCgiProgram: isExecutable && (names.isCgiProgram(path) || names.isCgiProgram(realName)),
    };
  }

  #isAllowed(real: string): boolean {
    return isWithin(real, this.#realRoot) || this.#linkFolders.some((folder) => isWithin(real, folder));
  }
}

/** A path as a byte string for a call of the system: names are bytes there, UTF-8 or not. */
export function systemPath(path: string): string | Buffer {
  return isAscii(path) ? path : Buffer.from(path, 'latin1');
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || folder === '' || folder === '/' || path.startsWith(`${folder}/`);
}

function statOf(path: string): Stats | null {
  try {
    return statSync(systemPath(path), { throwIfNoEntry: false }) ?? null;
  } catch {
    // No permission, a loop of links, or a name that is too long: for a client there is nothing.
    return null;
  }
}

function realPathOf(path: string): string | null {
  try {
    return realpathSync.native(systemPath(path), 'latin1');
  } catch {
    return null;
  }
}
