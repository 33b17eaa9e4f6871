// A site's routes, made ready once: patterns that are read, the folders they look in, and the names that are never handed out.

import type { Clock } from '../clock.ts';
import { PosternError } from '../errors.ts';
import { isMatch, lowerAscii, type PathPattern, parsePattern, patternHint } from '../protocol/http/path.ts';
import { textToBytes } from '../protocol/text.ts';
import { DocumentRoot, type DocumentRootOptions } from './document-root.ts';
import { HiddenNames } from './hidden-names.ts';
import type { BackendRoute, Route, Site } from './site.ts';
import { type CompiledPage, compilePages } from './site-pages.ts';

/** Where files are looked for. */
export interface Place {
  /** null: there are no files. */
  readonly root: DocumentRoot | null;
  /** So much of a URL's path stands for the root: 0, or the length of an alias without its last slash. */
  readonly prefixLength: number;
  /** Byte strings. */
  readonly index: readonly string[];
}

/** A route whose match was read. */
export interface CompiledRoute {
  readonly route: Route;
  readonly pattern: PathPattern;
  readonly place: Place;
  /** Ends of the names that its backend runs, in lower case; null: any. */
  readonly extensions: readonly string[] | null;
  /** URL path of its front controller; a byte string. */
  readonly fallback: string | null;
}

/** What decisions are made from. */
export interface Routing {
  readonly routes: readonly CompiledRoute[];
  /** Pages of ours by path, before all routes; null: there are none. */
  readonly pages: ReadonlyMap<string, CompiledPage> | null;
  /** Where a path is looked for that no route takes. */
  readonly place: Place;
  /** URL path of the site's front controller; a byte string. */
  readonly fallback: string | null;
  /** Whether folders without an index are listed. */
  readonly lists: boolean;
}

/**
 * @param rootFor makes what looks at the disk. @default a DocumentRoot
 * @throws CONFIG_INVALID for a pattern that cannot be read, and for a mount with a suffix
 */
export function compileRouting(
  site: Site,
  clock: Clock,
  rootFor = (options: DocumentRootOptions): DocumentRoot => new DocumentRoot(options),
): Routing {
  const patterns = site.routes.map(patternOf);
  const names = new HiddenNames({ ...site, programSuffixes: programSuffixes(site.routes, patterns) });
  const rootAt = (root: string) =>
    rootFor({
      root,
      names,
      linkFolders: site.linkFolders,
      hiddenFiles: site.hiddenFiles,
      validMs: site.pathCacheMs,
      clock,
    });
  const place: Place = {
    root: site.root === null ? null : rootAt(site.root),
    prefixLength: 0,
    index: site.index.map(textToBytes),
  };
  const routes = site.routes.map((route, i): CompiledRoute => {
    const pattern = patterns[i]!;
    return { route, pattern, place: placeOf(route, pattern, place, rootAt), ...runsOf(route) };
  });
  const fallback = site.fallback === null ? null : textToBytes(site.fallback);
  return { routes, pages: compilePages(site.pages ?? []), place, fallback, lists: site.isDeveloped };
}

/** The first route that takes the path, or null. */
export function matchRoute(routes: readonly CompiledRoute[], path: string): CompiledRoute | null {
  for (const compiled of routes) if (isMatch(compiled.pattern, path)) return compiled;
  return null;
}

/** The front controller for a path at which nothing is. */
export function fallbackFor({ routes, fallback }: Routing, path: string): string | null {
  for (const compiled of routes) {
    if (compiled.fallback !== null && isMatch(compiled.pattern, path)) return compiled.fallback;
  }
  return fallback;
}

function patternOf(route: Route): PathPattern {
  const pattern = parsePattern(route.match);
  if (pattern === null) throw new PosternError('CONFIG_INVALID', `"${route.match}" matches nothing: ${patternHint}`);
  if (route.kind === 'mount' && pattern.kind !== 'prefix' && pattern.kind !== 'exact') {
    throw new PosternError('CONFIG_INVALID', `route "${route.match}" cannot mount an application: write "/path/*"`);
  }
  if (route.kind === 'script' && pattern.kind === 'name') {
    throw new PosternError('CONFIG_INVALID', `"${route.match}" is a name, which may only be denied or a file`);
  }
  return pattern;
}

/** What the routes run by their names' ends is source where no route takes it. */
function programSuffixes(routes: readonly Route[], patterns: readonly PathPattern[]): string[] {
  return routes.flatMap((route, i) => {
    const pattern = patterns[i]!;
    if (route.kind !== 'script') return [];
    return [...(route.extensions ?? []), ...(pattern.kind === 'suffix' ? [pattern.suffix] : [])];
  });
}

function placeOf(route: Route, pattern: PathPattern, place: Place, rootAt: (root: string) => DocumentRoot): Place {
  if (route.kind === 'deny' || route.kind === 'mount') return place;
  const index = route.index?.map(textToBytes) ?? place.index;
  if (typeof route.root !== 'string') return { ...place, index };
  const below = pattern.kind === 'prefix' ? pattern.text : pattern.kind === 'suffix' ? pattern.below : '/';
  return { root: rootAt(route.root), prefixLength: below.length - 1, index };
}

function runsOf(route: Route): Pick<CompiledRoute, 'extensions' | 'fallback'> {
  if (!isToBackend(route)) return { extensions: null, fallback: null };
  return {
    extensions: route.extensions?.map((one) => lowerAscii(textToBytes(one))) ?? null,
    fallback: typeof route.fallback === 'string' ? textToBytes(route.fallback) : null,
  };
}

function isToBackend(route: Route): route is BackendRoute {
  return route.kind === 'script' || route.kind === 'mount';
}
