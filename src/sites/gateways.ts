// The gateways of a configuration's sites: each site as the gateway takes it, before the pools that its routes name; and the way of each
// request through the service: from a listener to the gateway in force, to the pool, and to the counts and the access log.

import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { compileAccessFormat } from '../access-format.ts';
import type { Faults } from '../backend/faults.ts';
import type { Config } from '../config/config.ts';
import type { PoolKind } from '../config/pool-schema.ts';
import { compileRule } from '../config/rule-compile.ts';
import type { RouteValues, SiteValues } from '../config/site-schema.ts';
import { PosternError, toPosternError } from '../errors.ts';
import { BodyMemory } from '../gateway/body-memory.ts';
import { createGateway, type Gateway } from '../gateway/handle.ts';
import type { HttpHandler } from '../gateway/message.ts';
import type { AccessLog, AccessRecord, CountAnswer } from '../gateway/request-log.ts';
import type { SharedLimits } from '../gateway/shared-limits.ts';
import type { ClientCertificates, Route, Site } from '../gateway/site.ts';
import type { Traces } from '../gateway/trace.ts';
import type { Log } from '../log.ts';
import type { Backend } from '../protocol/cgi/exchange.ts';
import { fieldValue } from '../protocol/http/headers.ts';
import type { HostTable } from '../protocol/http/host-table.ts';
import { alternatives, parsePattern } from '../protocol/http/path.ts';
import { bytesToLog } from '../protocol/text.ts';
import type { ProofFolder } from '../tls/proof-folder.ts';
import type { SiteTls, TlsMaterial } from '../tls/tls-material.ts';
import { unlessGone } from './held-request.ts';
import { HttpDurations } from './http-durations.ts';
import { type FrontPool, poolPages } from './pool-pages.ts';
import { answerProof, isForProof } from './proof-answer.ts';
import { refuse, refuseUnknown } from './refused.ts';

export type { AccessLog, AccessRecord };

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

/** What routes keep of a pool for good: one that is made anew after a fault has another backend. */
function backendOf(name: string, unit: Pick<FrontPool, 'backend'>): Backend {
  return { name, run: (request, sink) => unit.backend.run(request, sink) };
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

/**
 * Makes the handler.
 * @param gatewayOf the site's gateway now; undefined before the service was started, and once a reload has taken the site away
 */
export function siteHandler(site: string, gatewayOf: (site: string) => Gateway | undefined): HttpHandler {
  return (request, answer) => {
    const gateway = gatewayOf(site);
    if (gateway !== undefined) {
      gateway.handle(request, answer);
      return;
    }
    refuse(request, answer, notServed(site));
  };
}

const notServed = (site: string): PosternError => new PosternError('POOL_CLOSING', `site ${site} is not served now`);

/** Statuses that are counted are below it. */
export const statusCount = 1_000;

/** "200" -> 12; only those that were given. @param counts by status, of each thread */
export function answersOf(counts: readonly Uint32Array[]): Record<string, number> {
  const given: Record<string, number> = {};
  for (let status = 100; status < statusCount; status += 1) {
    const count = counts.reduce((sum, one) => sum + one[status]!, 0);
    if (count > 0) given[status] = count;
  }
  return given;
}

/** The gateways in force, and those before them that are not done; and the count of their answers. */
export class Gateways {
  readonly #faults: Pick<Faults, 'report'>;
  /** Told of each answer; null: nobody is. */
  readonly onAccess: AccessLog | null;
  #inForce: ReadonlyMap<string, Gateway> = new Map();
  /** Gateways that a change replaced, while requests are still on their way through them. */
  #old: Gateway[] = [];
  /** Requests that came to an address before its gateway was in force: a thread listens a moment before. */
  readonly #early: (() => void)[] = [];
  #isReplaying = false;
  /** Where it is kept what authorities want to see; null: none is asked for certificates. */
  proofs: ProofFolder | null = null;
  /** Answers since the start, by status. */
  readonly #counts: Uint32Array;
  /** How long they took, by site, method and status. */
  readonly durations: HttpDurations;

  /** @param onAccess told of each answer @param counts where answers are counted by status; it may be shared memory @param durations where durations are */
  constructor(
    faults: Pick<Faults, 'report'>,
    onAccess: AccessLog | undefined,
    counts: Uint32Array = new Uint32Array(statusCount),
    durations?: SharedArrayBuffer,
  ) {
    this.#faults = faults;
    this.onAccess = onAccess ?? null;
    this.#counts = counts;
    this.durations = new HttpDurations(durations);
  }

  /** Puts others in force; those of before finish what they have. */
  use(gateways: ReadonlyMap<string, Gateway>): void {
    this.#old = [...this.#old, ...this.#inForce.values()].filter(({ active }) => active > 0);
    this.#inForce = gateways;
    this.#replay();
  }

  /** What was opened is not put in force: who came early is told so. */
  undo(): void {
    this.#replay();
  }

  /** The gateway of a site; undefined: the site is not served. */
  of(site: string): Gateway | undefined {
    return this.#inForce.get(site);
  }

  /** Requests that are on their way. */
  get running(): number {
    return [...this.#inForce.values(), ...this.#old].reduce((sum, { active }) => sum + active, 0);
  }

  /** "200" -> 12; only those that were given, 100 to 999. */
  get answers(): Readonly<Record<string, number>> {
    return answersOf([this.#counts]);
  }

  /**
   * What a listener hands its requests to: an error that nothing foresaw costs one request its answer, and nothing else.
   * @param listener its table may change, and is asked with each request
   */
  handlerFor(listener: { readonly table: HostTable }): HttpHandler {
    const serve: HttpHandler = (request, answer) => {
      const { table } = listener;
      const site = table.only ?? table.siteOf(fieldValue(request.headers, 'host'));
      const gateway = site === null ? undefined : this.#inForce.get(site);
      try {
        if (gateway !== undefined) gateway.handle(request, answer);
        else if (site === null) this.refused(refuseUnknown(request, answer));
        else if (this.#isReplaying) refuse(request, answer, notServed(site));
        else this.#early.push(unlessGone(answer, () => serve(request, answer)));
      } catch (thrown) {
        this.#faults.report(thrown, 'a request', { method: request.method, url: bytesToLog(request.target, 2_048) });
        const error = toPosternError(thrown);
        if (answer.headSent) answer.abort(error);
        else refuse(request, answer, error);
      }
    };
    return (request, answer) => {
      const { proofs } = this;
      if (proofs === null || !isForProof(request)) serve(request, answer);
      else void answerProof(proofs, request, answer, serve).then((record) => record !== null && this.refused(record));
    };
  }

  #replay(): void {
    this.#isReplaying = true;
    for (const handle of this.#early.splice(0)) handle();
    this.#isReplaying = false;
  }

  /** Takes what is counted of a request that is over. */
  readonly count: CountAnswer = (site, method, status, durationMs) => {
    if (status >= 100 && status < statusCount) this.#counts[status]! += 1;
    this.durations.note(site, method, status, durationMs);
  };

  /** Takes the record of what was no request. */
  refused(record: AccessRecord): void {
    this.count(record.site, record.method, record.status, record.durationMs);
    this.onAccess?.(record);
  }
}
