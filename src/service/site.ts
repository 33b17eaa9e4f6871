// Sites as the gateway takes them, made from the configuration and the pools. Pure but for paths being resolved.

import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import type { PoolKind } from '../config/config-rules.ts';
import type { RouteValues, SiteValues } from '../config/config-schema.ts';
import { type Route, type Site, siteDefaults } from '../gateway/site.ts';
import type { Backend } from '../protocol/cgi/exchange.ts';

/** What a route leads to. */
export interface RouteTarget {
  readonly kind: PoolKind;
  readonly backend: Backend;
}

/**
 * Makes one site.
 * @param targetOf the pool of a name; the configuration was checked, so that it is there
 */
export function siteOf(
  name: string,
  values: SiteValues,
  config: Config,
  targetOf: (pool: string) => RouteTarget,
): Site {
  const { folder } = config;
  return {
    ...siteDefaults,
    name,
    root: resolve(folder, values.root),
    index: values.index,
    fallback: values.fallback ?? null,
    routes: values.route.flatMap((route) => route.match.map((match) => routeOf(match, route, targetOf))),
    env: values.env,
    linkFolders: values.linkFolders.map((path) => resolve(folder, path)),
    visibleDotNames: values.visibleDotNames,
    hiddenSuffixes: values.hiddenSuffixes,
    hiddenFiles: ownFiles(config),
    sendfile: values.sendfile.map((one) => ({ folder: resolve(folder, one.folder), prefix: one.prefix ?? null })),
    trustedProxies: values.trustedProxies,
    maxBodyBytes: values.maxBody,
    memoryBodyBytes: values.memoryBody,
    spoolFolder: values.spoolFolder === undefined ? siteDefaults.spoolFolder : resolve(folder, values.spoolFolder),
    bodyTimeoutMs: values.bodyTimeout,
    writeTimeoutMs: values.writeTimeout,
  };
}

/** Files of the service's own, which a document root may hold too: `root = "."` is the default. */
function ownFiles({ file, folder, values }: Config): string[] {
  const log = values.log.file;
  const isFile = log !== undefined && log !== 'stdout' && log !== 'stderr';
  return [...(file === null ? [] : [file]), ...(isFile ? [resolve(folder, log)] : [])];
}

function routeOf(match: string, route: RouteValues, targetOf: (pool: string) => RouteTarget): Route {
  if (route.deny) return { match, kind: 'deny' };
  if (route.pool === undefined) return { match, kind: 'files' };
  const { kind, backend } = targetOf(route.pool);
  return {
    match,
    kind: isMount(match, kind) ? 'mount' : 'script',
    backend,
    streamUploads: route.streamUploads,
    env: route.env,
  };
}

/** A suffix looks for a file, and so do PHP and plain CGI everywhere; other programs are mounted at an exact path or a prefix. */
function isMount(match: string, kind: PoolKind): boolean {
  return !match.startsWith('*') && kind !== 'php' && kind !== 'cgi';
}
