// Looks up paths under a document root: what is there, by its real path, and whether it may be shown or run.
//
// What was found is believed for `validMs` (a second as a rule): a lookup costs a stat and a realpath, some ten
// microseconds, and a busy site asks for the same few scripts. A file that is removed within that time is then reported
// by the program instead ("no input file"); a link that is turned to elsewhere is followed as before. What was not found
// is looked for each time, so a new file is there at once. The calls are synchronous: an asynchronous one costs more
// than the work, on a local disk. The root itself is looked at again as often, so "current -> release-7" may be switched.

import { realpathSync, type Stats, statSync } from 'node:fs';
import { LRUCache } from 'lru-cache';
import { PosternError } from '../errors.ts';
import { bytesToText, textToBytes } from '../protocol/text.ts';

/** Something that exists under the root. */
export interface Entry {
  readonly kind: 'file' | 'folder';
  /** Real path, as text. */
  readonly realPath: string;
  /** Real path within the root, as a byte string beginning with "/"; null when a link led out of the root. */
  readonly realUrlPath: string | null;
}

/** What a DocumentRoot needs to know. */
export interface DocumentRootOptions {
  /** Absolute path. */
  readonly root: string;
  /** Folders outside the root that links may lead to. */
  readonly linkFolders: readonly string[];
  readonly visibleDotNames: readonly string[];
  readonly hiddenSuffixes: readonly string[];
  /** Absolute paths of files that are not there for us. */
  readonly hiddenFiles: readonly string[];
  readonly validMs: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

const MAX_ENTRIES = 4096;
const MAX_PATH_LENGTH = 4096;

/** One document root. */
export class DocumentRoot {
  readonly #options: DocumentRootOptions;
  readonly #dotNames: ReadonlySet<string>;
  readonly #hiddenSuffixes: readonly { readonly last: string; readonly within: string }[];
  readonly #entries = new LRUCache<string, Entry>({ max: MAX_ENTRIES });
  #realRoot = '';
  #realRootBytes = '';
  #linkFolders: readonly string[] = [];
  #hiddenFiles: readonly string[] = [];
  #since = Number.NEGATIVE_INFINITY;

  constructor(options: DocumentRootOptions) {
    this.#options = options;
    this.#dotNames = new Set(options.visibleDotNames.map(textToBytes));
    this.#hiddenSuffixes = options.hiddenSuffixes.map((suffix) => {
      const last = textToBytes(suffix);
      return { last, within: `${last}/` };
    });
  }

  /** Real path of the root, as a byte string without a slash at its end. @throws INTERNAL when it is not there */
  get path(): string {
    this.#renew();
    return this.#realRootBytes;
  }

  /**
   * What is at a path, or null: nothing, neither file nor folder, or out of bounds.
   * @param path decoded and normalised, beginning with "/"; a byte string
   */
  look(path: string): Entry | null {
    this.#renew();
    const known = this.#entries.get(path);
    if (known !== undefined) return known;
    const entry = this.#find(path);
    if (entry !== null && this.#options.validMs > 0) this.#entries.set(path, entry);
    return entry;
  }

  /** Whether a path's names forbid it: a dotfile, or what an editor left beside a script. */
  isHidden(path: string): boolean {
    for (let at = path.indexOf('/.'); at !== -1; at = path.indexOf('/.', at + 1)) {
      const slash = path.indexOf('/', at + 1);
      if (!this.#dotNames.has(path.slice(at + 1, slash === -1 ? undefined : slash))) return true;
    }
    for (const { last, within } of this.#hiddenSuffixes) if (path.endsWith(last) || path.includes(within)) return true;
    return false;
  }

  #renew(): void {
    const now = this.#options.now();
    if (now - this.#since < this.#options.validMs) return;
    this.#since = now;
    this.#entries.clear();
    const real = realPathOf(this.#options.root);
    if (real === null) {
      throw new PosternError('INTERNAL', `the document root ${this.#options.root} is not there: create it`);
    }
    this.#realRoot = real === '/' ? '' : real;
    this.#realRootBytes = textToBytes(this.#realRoot);
    this.#linkFolders = this.#options.linkFolders
      .map((folder) => realPathOf(folder))
      .filter((folder) => folder !== null);
    this.#hiddenFiles = this.#options.hiddenFiles.map((file) => realPathOf(file)).filter((file) => file !== null);
  }

  #find(path: string): Entry | null {
    if (path.length > MAX_PATH_LENGTH) return null;
    const text = bytesToText(path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path);
    if (text === null) return null;
    const plain = this.#realRoot + (text === '/' ? '' : text);
    const plainStats = statOf(plain);
    if (plainStats === null) return null;
    const real = realPathOf(plain);
    if (real === null || !this.#isAllowed(real) || this.#hiddenFiles.includes(real)) return null;
    // A link was followed, or the file system ignores case: then the names that are really there must be allowed too.
    const stats = real === plain ? plainStats : statOf(real);
    if (stats === null || (path.endsWith('/') && !stats.isDirectory())) return null;
    const realUrlPath = isWithin(real, this.#realRoot) ? textToBytes(real.slice(this.#realRoot.length)) : null;
    if (real !== plain && realUrlPath !== null && this.isHidden(realUrlPath)) return null;
    const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : null;
    return kind === null ? null : { kind, realPath: real, realUrlPath };
  }

  #isAllowed(real: string): boolean {
    return isWithin(real, this.#realRoot) || this.#linkFolders.some((folder) => isWithin(real, folder));
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || folder === '/' || path.startsWith(`${folder}/`);
}

function statOf(path: string): Stats | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null;
  } catch {
    // No permission, a loop of links, or a name that is too long: for a client there is nothing.
    return null;
  }
}

function realPathOf(path: string): string | null {
  try {
    return realpathSync.native(path);
  } catch {
    return null;
  }
}
