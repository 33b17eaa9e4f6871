// The gateways of a configuration's sites: each site as the gateway takes it, before the pools that its routes name.

import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { compileAccessFormat } from '../access-format.ts';
import type { Config } from '../config/config.ts';
import { absoluteAddress, parseListenAddress } from '../config/listen-address.ts';
import type { PoolKind } from '../config/pool-schema.ts';
import { compileRule } from '../config/rule-compile.ts';
import type { RouteValues, SiteValues } from '../config/site-schema.ts';
import { BodyMemory } from '../gateway/body-memory.ts';
import { createGateway, type Gateway } from '../gateway/handle.ts';
import type { AccessLog, CountAnswer } from '../gateway/request-log.ts';
import type { SharedLimits } from '../gateway/shared-limits.ts';
import type { ClientCertificates, Route, SecurePlace, Site } from '../gateway/site.ts';
import type { Traces } from '../gateway/trace.ts';
import type { Log } from '../log.ts';
import type { Backend } from '../protocol/cgi/exchange.ts';
import { alternatives, parsePattern } from '../protocol/http/path.ts';
import type { SiteTls, TlsMaterial } from '../tls/tls-material.ts';
import { backendOf } from './gateways.ts';
import { type FrontPool, poolPages } from './pool-pages.ts';

/** Who is told of the requests. */
export interface Told {
  readonly access: AccessLog | null;
  readonly count: CountAnswer | null;
  /** @default traces are passed on, or made where a site says so */
  readonly traces?: Traces | null;
  /** Where requests of a client are counted for all threads. @default for this one alone */
  readonly limits?: SharedLimits | null | undefined;
}

/** Makes one gateway a site. @param isDeveloped see `Site.isDeveloped` @throws CONFIG_INVALID for a proxy that cannot be read */
export function makeGateways(
  config: Pick<Config, 'file' | 'folder' | 'values'>,
  units: ReadonlyMap<string, FrontPool>,
  log: Log,
  { access, count, traces = null, limits = null }: Told,
  isDeveloped = false,
  tls: TlsMaterial['sites'] = new Map(),
): ReadonlyMap<string, Gateway> {
  const bodyMemory = new BodyMemory(config.values.service.memoryBodies);
  return new Map(
    Object.entries(config.values.site).map(([name, site]) => {
      const targetOf = (name: string): RouteTarget => {
        const pool = config.values.pool[name]!;
        const extensions = pool.kind === 'php' ? pool.extensions : null;
        return { kind: pool.kind, extensions, backend: backendOf(name, units.get(name)!) };
      };
      const named = new Set(site.route.flatMap((route) => (route.kind === 'pool' ? route.pool : [])));
      const pages = poolPages(
        [...named].map((pool) => ({
          values: config.values.pool[pool]!,
          backend: backendOf(pool, units.get(pool)!),
          snapshot: () => units.get(pool)!.snapshot(),
        })),
      );
      const logs = asksOf(site);
      const clients = clientsOf(site, tls.get(name));
      const own = { pages, clients, ...(logs === null ? {} : { logs }) };
      const made = { ...siteOf(name, site, config, targetOf, isDeveloped), ...own };
      return [
        name,
        createGateway({
          site: made,
          log,
          accessLog: isLogged(site, config) ? access : null,
          count,
          bodyMemory,
          traces,
          limits,
        }),
      ];
    }),
  );
}

/** Whether anybody writes lines of its requests. */
function isLogged({ accessLog }: SiteValues, { values }: Pick<Config, 'values'>): boolean {
  return accessLog === undefined ? values.log.access : accessLog !== 'off';
}

/** What the lines of its access log ask for; null: they are JSON. */
function asksOf({ accessFormat = 'json' }: SiteValues): { asks: readonly string[] } | null {
  return accessFormat === 'json' ? null : { asks: compileAccessFormat(accessFormat).asks };
}

function clientsOf({ clientCertificates }: SiteValues, tls: SiteTls | undefined): ClientCertificates | null {
  const rule = tls?.rule?.id;
  return clientCertificates === undefined || rule === undefined
    ? null
    : { rule, required: clientCertificates.required };
}

/** What a route leads to. */
export interface RouteTarget {
  readonly kind: PoolKind;
  /** Ends of the names that it runs; null: any. */
  readonly extensions: readonly string[] | null;
  readonly backend: Backend;
}

/**
 * Makes one site.
 * @param targetOf the pool of a name; the configuration was checked, so that it is there
 */
export function siteOf(
  name: string,
  values: SiteValues,
  config: Pick<Config, 'file' | 'folder' | 'values'>,
  targetOf: (pool: string) => RouteTarget,
  isDeveloped = false,
): Site {
  const { folder } = config;
  return {
    name,
    redirect: values.redirect ?? null,
    secure: securePlaceOf(values, folder),
    clients: null,
    root: resolve(folder, values.root),
    index: values.index,
    fallback: values.fallback ?? null,
    routes: values.route.flatMap((route) =>
      route.match.flatMap(alternatives).map((match) => routeOf(match, route, folder, targetOf)),
    ),
    rules: values.rule.map((one) => compileRule(one, folder)),
    compress: compressOf(values.compress),
    authorizers: authorizersOf(values, targetOf),
    env: values.env,
    linkFolders: values.linkFolders.map((path) => resolve(folder, path)),
    visibleDotNames: values.visibleDotNames,
    hiddenSuffixes: values.hiddenSuffixes,
    hiddenNames: values.hiddenNames,
    visibleNames: values.visibleNames,
    hiddenFiles: [...ownFiles(config), ...passwordFiles(values, folder)],
    sendfile: values.sendfile.map((one) => ({ folder: resolve(folder, one.folder), prefix: one.prefix ?? null })),
    trustedProxies: values.trustedProxies,
    proxyFields: values.proxyFields,
    trustedPeers: values.trustedPeers,
    maxBodyBytes: values.maxBody,
    memoryBodyBytes: values.memoryBody || Number.POSITIVE_INFINITY,
    spoolFolder: values.spoolFolder === undefined ? tmpdir() : resolve(folder, values.spoolFolder),
    bodyTimeoutMs: values.bodyTimeout,
    writeTimeoutMs: values.writeTimeout,
    answerBufferBytes: values.memoryAnswer || Number.POSITIVE_INFINITY,
    answerSpoolBytes: values.spoolAnswer,
    answerSpoolTotalBytes: values.spoolAnswers,
    isDeveloped,
    makesTraces: values.traceparent,
    pathCacheMs: values.pathCache,
  };
}

/** Where a site listens by HTTPS for itself: what comes by the PROXY protocol came to a port of somebody else. */
function securePlaceOf({ listen }: SiteValues, folder: string): SecurePlace | null {
  const own = listen
    .filter(({ proxyProtocol }) => proxyProtocol !== true)
    .map(({ address }) => parseListenAddress(absoluteAddress(address, folder)));
  const portsOf = (isSecure: boolean): number[] =>
    own.flatMap(({ protocol, address }) =>
      address.kind === 'tcp' && protocol !== 'fastcgi' && (protocol === 'https') === isSecure ? address.port : [],
    );
  const [port = 443, ...more] = portsOf(true);
  // Which port was found for 0, only the listener knows.
  return port === 0 || [port, ...more].includes(443) ? null : { port, plainPorts: portsOf(false) };
}

/** Files of the service's own, which a document root may hold too: `root = "."` is the default. */
export function ownFiles({ file, folder, values }: Pick<Config, 'file' | 'folder' | 'values'>): string[] {
  const logs = [values.log.file, ...Object.values(values.site).map(({ accessLog }) => accessLog)];
  const files = logs.filter((log) => log !== undefined && !['stdout', 'stderr', 'off'].includes(log));
  const keys = Object.values(values.site).flatMap(({ tls }) => (typeof tls === 'object' ? [tls.key].flat() : []));
  return [...(file === null ? [] : [file]), ...[...files, ...keys].map((path) => resolve(folder, path!))];
}

function compressOf(values: SiteValues['compress']): Site['compress'] {
  if (values === null) return null;
  const { types, minSize: minBytes, codings, memory: memoryBytes } = values;
  return { types, minBytes, codings, memoryBytes };
}

function authorizersOf({ rule }: SiteValues, targetOf: (pool: string) => RouteTarget): Record<string, Backend> {
  const names = rule.flatMap(({ auth }) => (auth !== undefined && 'pool' in auth ? auth.pool : []));
  return Object.fromEntries(names.map((name) => [name, targetOf(name).backend]));
}

/** Nobody gets to see them, wherever they are. */
function passwordFiles({ rule }: SiteValues, folder: string): string[] {
  return rule.flatMap(({ auth }) => (auth === undefined || 'pool' in auth ? [] : resolve(folder, auth.file)));
}

function routeOf(match: string, route: RouteValues, folder: string, targetOf: (pool: string) => RouteTarget): Route {
  if (route.kind === 'deny')
    return { match, kind: 'deny', ...(route.preset !== undefined && { preset: route.preset }) };
  const root = route.root === undefined ? null : resolve(folder, route.root);
  const place = { match, root, index: route.index ?? null };
  if (route.kind === 'files') return { ...place, kind: 'files', source: route.source };
  const { kind, extensions, backend } = targetOf(route.pool);
  return {
    ...place,
    kind: isMount(match, kind) ? 'mount' : 'script',
    backend,
    extensions,
    ...(route.fallback !== undefined && { fallback: route.fallback }),
    maxBodyBytes: route.maxBody ?? null,
    readTimeoutMs: route.readTimeout ?? null,
    requestTimeoutMs: route.requestTimeout ?? null,
    streamUploads: route.streamUploads,
    env: route.env,
  };
}

/** A suffix looks for a file, and so do PHP and plain CGI everywhere; other programs are mounted at an exact path or a prefix. */
function isMount(match: string, kind: PoolKind): boolean {
  return kind !== 'php' && kind !== 'cgi' && parsePattern(match)?.kind !== 'suffix';
}
