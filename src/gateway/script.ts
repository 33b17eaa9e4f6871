// From a path to what answers it: a script, a mounted application, a file, a redirect, or nothing. Looks at the disk, changes nothing.
//
// 1. The first route that matches the path decides who answers it. A path that a script route took is never sent as a file.
// 2. A script route looks for a regular file; what follows it in the path is PATH_INFO.
// 3. Where no route matches, a file is sent. A folder's own address is that of the first of its index files that is there;
//    without its slash it is redirected.
// 4. What is neither goes to the fallback, with PATH_INFO empty: the front controller reads REQUEST_URI.
// 5. Hidden names and denied paths are not there, not even for the fallback.

import { type ErrorCode, PosternError } from '../errors.ts';
import { encodePath, type RequestPath } from '../protocol/http/path.ts';
import {
  componentEnd,
  isMatch,
  type PathPattern,
  parsePattern,
  patternHint,
  suffixEnd,
} from '../protocol/http/path-pattern.ts';
import { textToBytes } from '../protocol/text.ts';
import type { DocumentRoot, Entry } from './document-root.ts';
import type { BackendRoute, Route } from './site.ts';

/** What answers a request. */
export type Decision =
  | Run
  | { readonly kind: 'file'; readonly entry: Entry }
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'refuse'; readonly code: ErrorCode; readonly why: string };

/** A backend runs it. Byte strings. */
export interface Run {
  readonly kind: 'run';
  readonly route: BackendRoute;
  readonly scriptName: string;
  readonly pathInfo: string;
  /** Path of the script's file; null for a mounted application. */
  readonly scriptFile: string | null;
}

/** What decisions are made from. */
export interface Routing {
  readonly routes: readonly CompiledRoute[];
  /** null: the site has no files. */
  readonly root: DocumentRoot | null;
  /** Texts, as in the configuration. */
  readonly index: readonly string[];
  readonly fallback: string | null;
}

/** A route whose match was read. */
export interface CompiledRoute {
  readonly route: Route;
  readonly pattern: PathPattern;
}

/** @throws CONFIG_INVALID for a pattern that cannot be read, and for a mount with a suffix */
export function compileRoutes(routes: readonly Route[]): readonly CompiledRoute[] {
  return routes.map((route) => {
    const pattern = parsePattern(route.match);
    if (pattern === null) {
      throw new PosternError('CONFIG_INVALID', `"${route.match}" matches nothing: ${patternHint}`);
    }
    if (route.kind === 'mount' && pattern.kind !== 'prefix' && pattern.kind !== 'exact') {
      throw new PosternError('CONFIG_INVALID', `route "${route.match}" cannot mount an application: write "/path/*"`);
    }
    return { route, pattern };
  });
}

/** Decides what answers a request for a path. */
export function decide(routing: Routing, target: RequestPath): Decision {
  const found = at(routing, target.path, target);
  if (found !== null) return found;
  // A fallback that is not there itself must not lead to itself.
  const { fallback } = routing;
  const controller = fallback === null ? null : textToBytes(fallback);
  const decision =
    controller === null ? null : at(routing, controller, { path: controller, query: target.query, mappable: true });
  return (
    decision ?? refuse(fallback === null ? 'nothing is there' : `nothing is there, nor at the fallback ${fallback}`)
  );
}

/** The decision for one path; null where nothing is there. */
function at(routing: Routing, path: string, target: RequestPath): Decision | null {
  const matched = matchRoute(routing.routes, path);
  if (matched !== null) {
    const { route, pattern } = matched;
    if (route.kind === 'deny') return refuse(`the route "${route.match}" denies it`);
    if (route.kind === 'mount') return mounted(route, pattern.text, path);
    if (route.kind === 'script') return scriptAt(routing, route, matched, path, target);
  }
  return fileAt(routing, path, target);
}

/** The first route that takes the path, or null. */
function matchRoute(routes: readonly CompiledRoute[], path: string): CompiledRoute | null {
  for (const compiled of routes) if (isMatch(compiled.pattern, path)) return compiled;
  return null;
}

function mounted(route: BackendRoute, text: string, path: string): Run {
  const scriptName = text.endsWith('/') ? text.slice(0, -1) : text;
  return { kind: 'run', route, scriptName, pathInfo: path.slice(scriptName.length), scriptFile: null };
}

function scriptAt(
  routing: Routing,
  route: BackendRoute,
  { pattern }: CompiledRoute,
  path: string,
  target: RequestPath,
): Decision | null {
  const { root } = routing;
  if (root === null || !target.mappable) return null;
  const first =
    pattern.kind === 'prefix' ? pattern.text.length : pattern.kind === 'suffix-below' ? pattern.below.length : 1;
  for (let end = scriptEnd(pattern, path, first); end !== -1; end = scriptEnd(pattern, path, end + 1)) {
    const scriptName = path.slice(0, end);
    if (root.isHidden(scriptName)) return refuse('its name is hidden');
    const entry = root.look(scriptName);
    if (entry === null) return null;
    if (entry.kind === 'folder') continue;
    return { kind: 'run', route, scriptName, pathInfo: path.slice(end), scriptFile: root.path + scriptName };
  }
  return null;
}

/** Where the first component from an offset on ends that may be the script; those after it may while there are only folders. */
function scriptEnd(pattern: CompiledRoute['pattern'], path: string, from: number): number {
  if (pattern.kind === 'suffix' || pattern.kind === 'suffix-below') return suffixEnd(path, pattern.text, from);
  return pattern.kind === 'exact' ? (from === 1 ? path.length : -1) : componentEnd(path, from);
}

function fileAt(routing: Routing, path: string, target: RequestPath): Decision | null {
  const { root } = routing;
  if (root === null || !target.mappable) return null;
  if (root.isHidden(path)) return refuse('its name is hidden');
  const entry = root.look(path);
  if (entry === null) return null;
  if (entry.kind === 'folder') return folderAt(routing, root, path, target);
  return refusalOfLink(routing, entry, path) ?? { kind: 'file', entry };
}

function folderAt(routing: Routing, root: DocumentRoot, path: string, target: RequestPath): Decision | null {
  const folder = path.endsWith('/') ? path : `${path}/`;
  for (const name of routing.index) {
    const indexPath = folder + textToBytes(name);
    if (root.look(indexPath)?.kind !== 'file') continue;
    // `folder` begins with exactly one slash, so this cannot become "//host".
    if (folder !== path) {
      return { kind: 'redirect', location: encodePath(folder) + (target.query === '' ? '' : `?${target.query}`) };
    }
    return at(routing, indexPath, target);
  }
  return null;
}

/** A link to a script, from a name that no route takes, would show its source; and one to what is denied, or another case of its name, is denied. */
function refusalOfLink({ routes }: Routing, { realUrlPath }: Entry, path: string): Decision | null {
  if (realUrlPath === null || realUrlPath === path) return null;
  const kind = matchRoute(routes, realUrlPath)?.route.kind;
  if (kind === 'script') return refuse('it is a link to a script');
  return kind === 'deny' ? refuse('it is a link to what a route denies') : null;
}

function refuse(why: string): Decision {
  return { kind: 'refuse', code: 'NOT_FOUND', why };
}
