// From a path to what answers it: a script, a mounted application, a file, a redirect, or nothing. Looks at the disk, changes nothing.
//
// 0. A page of ours is at its path, whatever the routes and the disk say.
// 1. The first route that matches the path decides who answers it. A path that a script route took is never sent as a file.
// 2. A script route looks for a regular file; what follows it in the path is PATH_INFO. A folder whose name ends as a script's does is a
//    folder: the routes after it, and then the files, are asked.
// 3. A backend that runs only some names (PHP) runs no others, whatever route leads to it; below a prefix those are files.
// 4. Where no route matches, a file is sent; never the source of a program. A folder's own address is that of the first of its
//    index files that is there; without its slash it is redirected.
// 5. What is neither goes to the fallback, with PATH_INFO empty: the front controller reads REQUEST_URI.
// 6. What is hidden or denied is not there, not even for the fallback; a name with a dot ahead is hidden whether it is there or not.

import type { ErrorCode } from '../errors.ts';
import type { Pairs } from '../protocol/cgi/exchange.ts';
import { componentEnd, encodePath, endsInOne, isMatch, type RequestPath, suffixEnd } from '../protocol/http/path.ts';
import { bytesToLog } from '../protocol/text.ts';
import type { Entry } from './document-root.ts';
import { type CompiledRoute, fallbackFor, matchRoute, type Place, type Routing } from './routing.ts';
import type { BackendRoute, Route } from './site.ts';
import type { CompiledPage } from './site-pages.ts';

/** What answers a request. */
export type Decision =
  | Run
  | { readonly kind: 'file'; readonly entry: Entry /** null: none took it. */; readonly route: string | null }
  | { readonly kind: 'redirect'; readonly location: string }
  | Listing
  | Page
  | Refusal;

/** A backend runs it. Byte strings. */
export interface Run {
  readonly kind: 'run';
  readonly route: BackendRoute;
  readonly scriptName: string;
  readonly pathInfo: string;
  /** Path of the script's file; null for a mounted application. */
  readonly scriptFile: string | null;
  /** Where the script was found. */
  readonly place: Place;
  /** The gateway's: its part of the environment, once it was asked for. */
  pairs?: Pairs;
}

/** A page of ours, or of a server elsewhere. */
interface Page {
  readonly kind: 'page';
  readonly page: CompiledPage;
  /** What runs it; null: we answer. */
  readonly run: Run | null;
}

/** A folder's names are shown. Byte strings. */
export interface Listing {
  readonly kind: 'listing';
  /** Of the URL, with its last slash. */
  readonly path: string;
  readonly realPath: string;
}

interface Refusal {
  readonly kind: 'refuse';
  readonly code: ErrorCode;
  readonly why: string;
  /** Whether the log says so. @default false */
  readonly isHint?: boolean;
}

const sourceRefusal: Refusal = { kind: 'refuse', code: 'NOT_FOUND', why: 'it is the source of a program' };

const cgiRefusal: Refusal = {
  kind: 'refuse',
  code: 'FORBIDDEN',
  why: 'it is an executable program that no route runs: give it a route to a pool with cgi = true, or one with files and source = true to hand it out',
  isHint: true,
};

/** Decides what answers a request for a path. */
export function decide(routing: Routing, target: RequestPath): Decision {
  const page = routing.pages?.get(target.path);
  if (page !== undefined) return pageAt(routing, page, target.path);
  const found = at(routing, target.path, target);
  if (found !== null) return found;
  const fallback = fallbackFor(routing, target.path);
  if (fallback === null) return listingAt(routing, target) ?? refuse('nothing is there');
  // A fallback that is not there itself must not lead to itself.
  const decision = at(routing, fallback, { path: fallback, query: target.query, nameLength: fallback.length });
  return decision ?? refuse(`nothing is there, nor at the fallback ${bytesToLog(fallback, 255)}`);
}

/** A PHP-FPM elsewhere knows its pages by SCRIPT_NAME, and looks for no file. */
function pageAt({ place }: Routing, page: CompiledPage, path: string): Page {
  const { route } = page;
  const names = { scriptName: path, pathInfo: '', scriptFile: path };
  return { kind: 'page', page, run: route === null ? null : { kind: 'run', route, ...names, place } };
}

/** The decision for one path; null where nothing is there. */
function at(routing: Routing, path: string, target: RequestPath): Decision | null {
  for (const compiled of routing.routes) {
    if (!isMatch(compiled.pattern, path)) continue;
    const { route } = compiled;
    if (route.kind === 'deny') return refuse(deniedBy(route));
    if (route.kind === 'files') return fileAt(routing, compiled.place, path, target, compiled);
    if (route.kind === 'mount') return mounted(route, compiled, path);
    const decision = scriptAt(routing, route, compiled, path, target);
    if (decision !== 'folder') return decision;
  }
  return fileAt(routing, routing.place, path, target, null);
}

function mounted(route: BackendRoute, { pattern, place }: CompiledRoute, path: string): Run {
  const scriptLength = pattern.kind === 'prefix' ? pattern.text.length - 1 : path.length;
  const scriptName = path.slice(0, scriptLength);
  return { kind: 'run', route, scriptName, pathInfo: path.slice(scriptLength), scriptFile: null, place };
}

/** What a script route says; "folder": the path leads to a folder, or through one that only looks like a script. */
function scriptAt(
  routing: Routing,
  route: BackendRoute,
  compiled: CompiledRoute,
  path: string,
  target: RequestPath,
): Decision | null | 'folder' {
  const { pattern, place, extensions } = compiled;
  const { root, prefixLength } = place;
  if (root === null) return null;
  for (let end = scriptEnd(pattern, path, 0); end !== -1; end = scriptEnd(pattern, path, end + 1)) {
    if (end > target.nameLength) return null;
    const scriptName = path.slice(0, end);
    const entry = root.look(path.slice(prefixLength, end));
    if (entry === null) return hiddenOrNothing(place, scriptName);
    if (entry.isHidden) return refuse('its name is hidden');
    if (entry.kind === 'folder') continue;
    if (extensions !== null && !endsInOne(path, end, extensions)) {
      // What follows a file that is not run would be the PATH_INFO of nothing.
      return pattern.kind === 'prefix' && end === path.length ? fileOf(routing, entry, path, place, compiled) : null;
    }
    if (leadsTo(routing, entry, scriptName, place) === 'deny') return refuse('it is a link to what a route denies');
    // Who denies a script does not mean it with a PATH_INFO.
    if (end < path.length) {
      const named = matchRoute(routing.routes, scriptName)?.route;
      if (named?.kind === 'deny') return refuse(deniedBy(named));
    }
    const scriptFile = root.path + path.slice(prefixLength, end);
    return { kind: 'run', route, scriptName, pathInfo: path.slice(end), scriptFile, place };
  }
  if (pattern.kind !== 'prefix') return 'folder';
  return extensions === null ? null : fileAt(routing, place, path, target, compiled);
}

/** Where the first component from an offset on ends that may be the script; those after it may while there are only folders. */
function scriptEnd(pattern: CompiledRoute['pattern'], path: string, from: number): number {
  switch (pattern.kind) {
    case 'suffix':
      return suffixEnd(path, pattern.suffix, Math.max(from, pattern.below.length));
    case 'prefix':
      return componentEnd(path, Math.max(from, pattern.text.length));
    default:
      return from === 0 ? path.length : -1;
  }
}

/** @param taker the route that took the path */
function fileAt(
  routing: Routing,
  place: Place,
  path: string,
  target: RequestPath,
  taker: CompiledRoute | null,
): Decision | null {
  if (place.root === null || target.nameLength < path.length) return null;
  const entry = place.root.look(path.slice(place.prefixLength) || '/');
  if (entry === null) return hiddenOrNothing(place, path);
  if (entry.isHidden) return refuse('its name is hidden');
  if (entry.kind === 'folder') return folderAt(routing, place, path, target);
  return fileOf(routing, entry, path, place, taker);
}

function fileOf(routing: Routing, entry: Entry, path: string, place: Place, taker: CompiledRoute | null): Decision {
  const led = leadsTo(routing, entry, path, place);
  if (led === 'deny') return refuse('it is a link to what a route denies');
  if (led === 'script') return refuse('it is a link to a script');
  const showsSource = taker?.route.kind === 'files' && taker.route.source === true;
  if (entry.isSource && !showsSource) return sourceRefusal;
  if (entry.isCgiProgram && !showsSource) return cgiRefusal;
  return { kind: 'file', entry, route: taker?.route.match ?? null };
}

function folderAt(routing: Routing, place: Place, path: string, target: RequestPath): Decision | null {
  const folder = path.endsWith('/') ? path : `${path}/`;
  let found: Decision | null = null;
  for (const name of place.index) {
    const indexPath = folder + name;
    if (place.root!.look(indexPath.slice(place.prefixLength))?.kind !== 'file') continue;
    if (folder !== path) return withSlash(folder, target.query);
    found = at(routing, indexPath, { path: indexPath, query: target.query, nameLength: indexPath.length });
    // A script that nothing runs is no reason to withhold the page beside it.
    if (found !== sourceRefusal && found !== cgiRefusal) return found;
  }
  return found;
}

function listingAt({ place, lists }: Routing, { path, query }: RequestPath): Decision | null {
  const entry = lists ? place.root?.look(path) : null;
  if (entry?.kind !== 'folder' || entry.isHidden) return null;
  return path.endsWith('/') ? { kind: 'listing', path, realPath: entry.realPath } : withSlash(`${path}/`, query);
}

/** `folder` begins with exactly one slash, so this cannot become "//host". */
function withSlash(folder: string, query: string): Decision {
  return { kind: 'redirect', location: encodePath(folder) + (query === '' ? '' : `?${query}`) };
}

/** A link, or another case of a name, leads to what the routes say of the name that is really there. */
function leadsTo({ routes }: Routing, { realUrlPath }: Entry, path: string, place: Place): 'script' | 'deny' | null {
  if (realUrlPath === null) return null;
  const realPath = place.prefixLength === 0 ? realUrlPath : path.slice(0, place.prefixLength) + realUrlPath;
  const matched = realPath === path ? null : matchRoute(routes, realPath);
  if (matched === null) return null;
  if (matched.route.kind === 'deny') return 'deny';
  const { extensions } = matched;
  const isRun =
    matched.route.kind === 'script' && (extensions === null || endsInOne(realPath, realPath.length, extensions));
  return isRun ? 'script' : null;
}

function hiddenOrNothing({ root }: Place, path: string): Decision | null {
  return root!.names.hasDotName(path) ? refuse('its name is hidden') : null;
}

function deniedBy({ match, preset }: Extract<Route, { kind: 'deny' }>): string {
  return preset === undefined ? `the route "${match}" denies it` : `the preset ${preset} denies "${match}"`;
}

function refuse(why: string): Refusal {
  return { kind: 'refuse', code: 'NOT_FOUND', why };
}
