// The settings that a site's .user.ini files give: those of the script's folder and of the folders above it up to the document root, as php-cgi reads them.

import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

interface Known {
  readonly mtimeMs: number;
  readonly size: number;
  readonly lines: readonly string[];
}

/** Reads .user.ini files; each is looked at for every request, and read when it has changed. */
export class UserIni {
  readonly #name: string;
  readonly #known = new Map<string, Known>();

  /** @param name user_ini.filename; empty: none are read */
  constructor(name: string) {
    this.#name = name;
  }

  /** Lines "name = value" for a script, those of inner folders last. */
  linesFor(script: string, documentRoot: string): string[] {
    if (this.#name === '') return [];
    return foldersOf(dirname(script), documentRoot).flatMap((folder) => this.#linesOf(join(folder, this.#name)));
  }

  #linesOf(path: string): readonly string[] {
    const { mtimeMs, size } = statSync(path, { throwIfNoEntry: false }) ?? {};
    if (mtimeMs === undefined || size === undefined) {
      this.#known.delete(path);
      return [];
    }
    const known = this.#known.get(path);
    if (known?.mtimeMs === mtimeMs && known.size === size) return known.lines;
    const lines = readLines(path);
    this.#known.set(path, { mtimeMs, size, lines });
    return lines;
  }
}

/** Outermost first. A script outside of the root has only its own folder. */
function foldersOf(folder: string, documentRoot: string): string[] {
  const root = documentRoot.replace(/\/+$/, '');
  if (documentRoot === '' || (folder !== root && !folder.startsWith(`${root}/`))) return [folder];
  const folders = [folder];
  while (folders[0] !== root) folders.unshift(dirname(folders[0]!));
  return folders;
}

function readLines(path: string): string[] {
  try {
    const lines = readFileSync(path, 'utf8').split(/\r?\n/);
    return lines.filter((line) => /^\s*[\w.-]+\s*=/.test(line));
  } catch {
    return []; // closed to us
  }
}
