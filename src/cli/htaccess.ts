// What the .htaccess files of a folder ask of Apache, as far as `serve` can do the same: folders that are closed, and front controllers.
//
// 1. A folder is closed whose file denies everybody ("Require all denied", "Deny from all") and lets nobody in; so is all below it.
// 2. A front controller is the script that FallbackResource names, or a RewriteRule that takes every path.
// 3. Whatever else would change an answer is told as not followed.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';

/** What was read. */
export interface Htaccess {
  /** URL paths of folders that are closed, each with its last slash: "/logs/". */
  readonly closed: readonly string[];
  /** Front controllers by the URL path of the folder that they are for: "/app1/" -> "/app1/index.php". */
  readonly fallbacks: ReadonlyMap<string, string>;
  /** What is not followed, each with its file and line: ".htaccess:3: Header set X-A b". */
  readonly ignored: readonly string[];
  /** Whether all folders were looked at. */
  readonly isComplete: boolean;
}

/** How far folders are looked at. */
export interface HtaccessLimits {
  /** @default 1000 */
  readonly folders: number;
  /** @default 5 */
  readonly depth: number;
}

/** A larger file is not one that a person wrote. */
const MAX_BYTES = 262_144;
const MAX_IGNORED = 1_000;

/** Reads the .htaccess files of a document root. */
export function readHtaccess(root: string, limits: HtaccessLimits = { folders: 1_000, depth: 5 }): Htaccess {
  const closed: string[] = [];
  const fallbacks = new Map<string, string>();
  const ignored: string[] = [];
  const folders = [{ path: '/', depth: 0 }];
  let isComplete = true;
  for (let at = 0; at < folders.length; at += 1) {
    const { path, depth } = folders[at]!;
    const text = textOf(join(root, path, '.htaccess'));
    const read = text === null ? null : parseHtaccess(text, path);
    if (read !== null) {
      ignored.push(...read.ignored.map((line) => `${path.slice(1)}.htaccess:${line}`));
      if (read.fallback !== null) fallbacks.set(path, read.fallback);
      if (read.isClosed) {
        closed.push(path);
        continue;
      }
    }
    const inner = foldersIn(join(root, path));
    if (depth === limits.depth ? inner.length > 0 : folders.length + inner.length > limits.folders) isComplete = false;
    else folders.push(...inner.map((name) => ({ path: `${path}${name}/`, depth: depth + 1 })));
  }
  return { closed, fallbacks, ignored: ignored.slice(0, MAX_IGNORED), isComplete };
}

/** What one file says. */
export interface HtaccessFile {
  readonly isClosed: boolean;
  /** URL path of the front controller; null: none. */
  readonly fallback: string | null;
  /** Line and text: "3: Header set X-A b". */
  readonly ignored: readonly string[];
}

/** Sections that hold what would stand in the file without them. Which modules an Apache would have is not known: all of them. */
const TRANSPARENT = /^<\/?(?:IfModule|IfVersion|IfDefine|IfFile|IfDirective|RequireAll|RequireAny)\b/i;

/** Directives that change nothing here: what they turn on or off is so, or is not there. */
const FOLLOWED =
  /^(?:Options\s+(?:[+-]?(?:Indexes|FollowSymLinks|SymLinksIfOwnerMatch|MultiViews|None)\s*)+$|Order\b|Satisfy\s+all$|Allow\s+from\s+all$|Require\s+all\s+granted$|RewriteEngine\b|RewriteBase\b|DirectorySlash\s+on$|IndexIgnore\b|DirectoryIndex\s+index\.(?:php|html)(?:\s+index\.(?:php|html))*$|AcceptPathInfo\b|FileETag\b|ServerSignature\b|AddDefaultCharset\s+utf-8$)/i;

/** Lets somebody in. */
const GRANTS = /^(?:Require\s+(?!all\s+denied$)|Allow\s+from\b|Satisfy\s+any$)/i;
const DENIES = /^(?:Require\s+all\s+denied|Deny\s+from\s+all)$/i;

/** Reads one file. Pure. @param folder URL path of its folder, with its last slash */
export function parseHtaccess(text: string, folder: string): HtaccessFile {
  let isDenied = false;
  let isGranted = false;
  let base = folder;
  let fallback: string | null = null;
  const ignored: string[] = [];
  /** Conditions that the next rule has and a fallback has not. */
  let conditions: string[] = [];
  const sections: string[] = [];
  for (const { line, number } of linesOf(text)) {
    const told = `${number}: ${line}`;
    if (TRANSPARENT.test(line)) continue;
    if (line.startsWith('</')) {
      sections.pop();
    } else if (line.startsWith('<')) {
      sections.push(line);
    } else if (sections.length > 0) {
      ignored.push(`${number}: ${line} (in ${sections.at(-1)})`);
    } else if (/^RewriteCond\b/i.test(line)) {
      if (!/%\{REQUEST_FILENAME\}\s+!-[fdls]\b/i.test(line)) conditions.push(told);
    } else if (/^RewriteRule\b/i.test(line)) {
      const target = fallbackOf(line, base);
      if (target !== null && conditions.length === 0) fallback ??= target.path;
      if (target === null ? !changesNothing(line) : target.hasQuery || conditions.length > 0)
        ignored.push(...conditions, told);
      conditions = [];
    } else if (/^FallbackResource\s/i.test(line)) {
      const name = line.split(/\s+/)[1]!;
      if (name.toLowerCase() !== 'disabled') fallback = posix.resolve(folder, name);
    } else if (DENIES.test(line)) {
      isDenied = true;
    } else if (GRANTS.test(line)) {
      isGranted = true;
      if (!FOLLOWED.test(line)) ignored.push(told);
    } else if (/^RewriteBase\s/i.test(line)) {
      base = line.split(/\s+/)[1]!;
    } else if (!FOLLOWED.test(line)) {
      ignored.push(told);
    }
  }
  return { isClosed: isDenied && !isGranted, fallback, ignored };
}

/** Where a RewriteRule sends every path to, if that is a script; null: it does something else. */
function fallbackOf(line: string, base: string): { readonly path: string; readonly hasQuery: boolean } | null {
  const [, pattern, target, flags = ''] = /^RewriteRule\s+(\S+)\s+"?([^"\s]+)"?(?:\s+\[(.*)\])?/i.exec(line) ?? [];
  if (pattern === undefined || target === undefined || /\b(?:R|F|G|P)\b/.test(flags)) return null;
  if (!/^\^?(?:\(?\.[*+]?\)?)?\$?$/.test(pattern)) return null;
  const [, path, query] = /^(\/?[\w./-]*\.php)(?:\/\$1)?(\?.*)?$/.exec(target) ?? [];
  if (path === undefined) return null;
  return { path: path.startsWith('/') ? path : posix.join('/', base, path), hasQuery: query !== undefined };
}

/** A rule that only ends the others, or hands Authorization on, which programs here get anyway. */
function changesNothing(line: string): boolean {
  const [, flags = ''] = /^RewriteRule\s+\S+\s+-(?:\s+\[(.*)\])?$/i.exec(line) ?? [null, 'F'];
  return !/(?:^|,)\s*(?:F|G|R|CO|T|H)\b/i.test(flags);
}

/** Lines without comments and empty ones; one that ends in a backslash goes on. */
function linesOf(text: string): { readonly line: string; readonly number: number }[] {
  const lines: { line: string; number: number }[] = [];
  let held = '';
  let from = 0;
  for (const [at, one] of text.split(/\r?\n/).entries()) {
    if (held === '') from = at + 1;
    held += one.trim();
    if (held.endsWith('\\')) {
      held = `${held.slice(0, -1)} `;
      continue;
    }
    if (held !== '' && !held.startsWith('#')) lines.push({ line: held.replace(/\s+/g, ' '), number: from });
    held = '';
  }
  return lines;
}

function textOf(file: string): string | null {
  try {
    return statSync(file).size > MAX_BYTES ? null : readFileSync(file, 'utf8');
  } catch {
    return null; // there is none, or it is not for us
  }
}

/** Names of the folders in a folder that may be asked for; links are not followed. */
function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
      .map(({ name }) => name);
  } catch {
    return []; // it is not for us, or has gone
  }
}
