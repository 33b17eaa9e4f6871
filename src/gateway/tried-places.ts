// What was tried for a path at which nothing is: which routes looked at it, each file that was looked for, and why it was none. For `explain`.

import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { systemClock } from '../clock.ts';
import { isMatch, type RequestPath } from '../protocol/http/path.ts';
import { bytesToLog } from '../protocol/text.ts';
import { DocumentRoot, type DocumentRootOptions, type Entry, systemPath } from './document-root.ts';
import { type CompiledRoute, compileRouting, fallbackFor, type Routing } from './routing.ts';
import { decide } from './script.ts';
import type { Site } from './site.ts';

/** A root that tells what it was asked for. */
class ToldRoot extends DocumentRoot {
  readonly #tell: (file: string, found: Entry | null) => void;

  constructor(options: DocumentRootOptions, tell: (file: string, found: Entry | null) => void) {
    super(options);
    this.#tell = tell;
  }

  override look(path: string): Entry | null {
    const found = super.look(path);
    this.#tell(this.path + path, found);
    return found;
  }
}

/**
 * Decides anew, over roots that tell.
 * @returns a sentence for each thing that was tried, in order
 */
export function triedFor(site: Site, target: RequestPath): string[] {
  const looks: string[] = [];
  const told = new Set<string>();
  const tell = (file: string, found: Entry | null): void => {
    if (told.has(file)) return;
    told.add(file);
    looks.push(`${shown(file)}: ${found === null ? whyNone(file) : whatIs(found)}`);
  };
  const routing = compileRouting(site, systemClock, (options) => new ToldRoot(options, tell));
  decide(routing, target);
  const fallback = fallbackFor(routing, target.path);
  return [
    ...routesFor(routing, target.path),
    ...looks,
    fallback === null ? 'the site has no fallback' : `the fallback is ${shown(fallback)}`,
  ];
}

/** Only what takes the path is named one by one. */
function routesFor({ routes }: Routing, path: string): string[] {
  const taking = routes.filter(({ pattern }) => isMatch(pattern, path));
  if (taking.length > 0) return taking.map((compiled) => `the route ${wordsOf(compiled)} matches`);
  if (routes.length === 0) return ['the site has no routes: only files are served'];
  return [`no route matches: ${routes.map(wordsOf).join(', ')}`];
}

function wordsOf({ route }: CompiledRoute): string {
  const to = route.kind === 'deny' ? 'denied' : route.kind === 'files' ? 'files' : `pool ${route.backend.name}`;
  return `"${route.match}" (${to})`;
}

function whatIs({ kind, isHidden, isSource, isCgiProgram }: Entry): string {
  if (isHidden) return 'its name is hidden';
  if (isCgiProgram) return 'it is an executable program';
  if (isSource) return 'it is the source of a program';
  return kind === 'folder' ? 'it is a folder' : 'it is there';
}

/** Where the way to a file ends. */
function whyNone(file: string): string {
  const path = file.replace(/(.)\/+$/, '$1');
  const names = path.split('/');
  for (let length = 2; length <= names.length; length += 1) {
    const step = names.slice(0, length).join('/');
    const stats = statOf(step);
    if (typeof stats === 'string')
      return length === names.length || stats !== 'ENOENT' ? wordsFor(stats) : `there is no folder ${shown(step)}`;
    if (stats.isSymbolicLink() && length === names.length) return linkWords(step);
    if (!stats.isDirectory() && !stats.isSymbolicLink() && length < names.length) return `${shown(step)} is no folder`;
  }
  return path === file
    ? 'it is neither a file nor a folder, or a link on the way leads out of the root'
    : 'it is no folder';
}

function statOf(path: string): Stats | string {
  try {
    return lstatSync(systemPath(path));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}

function wordsFor(code: string): string {
  if (code === 'ENOENT') return 'there is no such file';
  return code === 'EACCES' ? 'this user may not look there' : `it cannot be looked at (${code})`;
}

function linkWords(path: string): string {
  const to = readlinkSync(systemPath(path), 'latin1');
  return `it is a link to ${shown(to)}, which is not there or out of the root: name its folder in linkFolders`;
}

const shown = (path: string): string => bytesToLog(path, 1_024);
