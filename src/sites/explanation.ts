// What a URL gets from a configuration and why: route, script, CGI variables and pool; nothing is run.

import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { type ListenAddress, urlOf } from '../config/listen-address.ts';
import { type PlannedListener, plannedListeners } from '../config/listener-rules.ts';
import { PosternError } from '../errors.ts';
import type { Gateway } from '../gateway/handle.ts';
import type { Decision } from '../gateway/script.ts';
import { silentLog } from '../log.ts';
import type { Environment } from '../protocol/cgi/exchange.ts';
import { HostTable } from '../protocol/http/host-table.ts';
import { encodePath } from '../protocol/http/path.ts';
import { ruleLine } from '../rules/rule-words.ts';
import { whyUnreadable } from '../worker/reading-rights.ts';
import { makeGateways } from './configured-gateways.ts';
import { innerRequest } from './inner-request.ts';
import type { FrontPool } from './pool-pages.ts';

/** What a URL gets. Byte strings where they come from the URL or the disk. */
export interface Explanation {
  readonly url: string;
  /** null: none has that name. */
  readonly site: string | null;
  /** The folder of the site. */
  readonly root: string | null;
  readonly outcome: 'script' | 'application' | 'page' | 'file' | 'redirect' | 'proxy' | 'refused';
  /** The match of the route that took it; null: no route did. */
  readonly route: string | null;
  readonly pool: string | null;
  /** The script or file on disk. */
  readonly file: string | null;
  /** Where it is redirected to. */
  readonly location: string | null;
  /** What the rules of the site do, in their order. */
  readonly rules: readonly string[];
  /** Code of the refusal. */
  readonly error: string | null;
  /** In words. */
  readonly why: string;
  /** For what is refused since nothing is there: what was tried, and why each failed. */
  readonly tried: readonly string[];
  /** The CGI variables that the program would get; null: no program is run. */
  readonly environment: Environment | null;
}

/** What an explanation is made from. */
export type ExplainedConfig = Pick<Config, 'file' | 'folder' | 'values'>;

/** An address that is listened on, or is to be. */
type Place = Pick<PlannedListener, 'address' | 'sites'>;

/**
 * Explains a URL.
 * @param text "http://127.0.0.1:8000/a?b", or "/a?b" for the first site
 * @param places where a service listens. @default as configured
 * @throws CONFIG_INVALID when no site listens there
 */
export function explain(
  config: ExplainedConfig,
  text: string,
  places: readonly Place[] = plannedListeners(config.values.site),
): Explanation {
  const names = Object.keys(config.values.pool);
  const units = new Map(names.map((name) => [name, idlePool(name)]));
  const gateways = makeGateways(config, units, silentLog, { access: null, count: null });
  const isPath = text.startsWith('/');
  const first = [...gateways.keys()][0]!;
  const url = new URL(isPath ? `${originOf(first, config, places)}${text}` : text);
  // As it was typed: a URL's parser takes out "..", and what a program then gets would not be what a client can send.
  const target = isPath ? text : text.replace(/^[a-z]+:\/\/[^/?#]*/i, '') || '/';
  const site = isPath ? first : siteOf(places, url);
  const about = {
    url: isPath ? `${url.origin}${text}` : text,
    site,
    root: site === null ? null : resolve(config.folder, config.values.site[site]!.root),
    route: null,
    pool: null,
    file: null,
    location: null,
    rules: [],
    tried: [],
    error: null,
    environment: null,
  };
  if (site === null)
    return {
      ...about,
      outcome: 'refused',
      error: 'MISDIRECTED',
      why: `no site has the name ${url.hostname}: see host in [site.NAME]`,
    };
  try {
    return { ...about, ...decided(gateways.get(site)!, url, target.replace(/#.*/, '')) };
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    return { ...about, outcome: 'refused', error: error.code, why: error.message };
  }
}

/** What a URL gets, and who cannot read the file though it would have to. */
export type ExplanationWithReaders = Explanation & { readonly unreadable: readonly string[] };

/** Explains a URL, and asks whether the one who would run or send the file can read it. @throws as `explain` */
export async function explainRead(...asked: Parameters<typeof explain>): Promise<ExplanationWithReaders> {
  const explanation = explain(...asked);
  const [{ values }] = asked;
  const { file, pool, root } = explanation;
  const runner = pool === null ? undefined : values.pool[pool];
  const user = runner !== undefined && 'user' in runner ? (runner.user ?? null) : null;
  const read = file ?? root;
  const why = read === null ? null : await whyUnreadable(read, user);
  return { ...explanation, unreadable: why === null ? [] : [why] };
}

type Decided = Partial<Explanation> & Pick<Explanation, 'outcome' | 'why'>;

function decided(gateway: Gateway, url: URL, target: string): Decided {
  const { decision, environment, ruled, tried } = gateway.explain({ ...innerRequest(url), target });
  if (ruled === null) return { tried, ...decidedByRoutes(decision!, environment, url) };
  const rules = ruled.taken.map(ruleLine);
  if (decision !== null) return { rules, tried, ...decidedByRoutes(decision, environment, url) };
  const answer = ruled.ruling.answer!;
  const why = `the last of these rules answers`;
  switch (answer.kind) {
    case 'redirect':
      return { rules, outcome: 'redirect', location: answer.location, why: `${why} with ${answer.status}` };
    case 'refuse':
      return { rules, outcome: 'refused', error: String(answer.status), why };
    case 'proxy':
      return {
        rules,
        outcome: 'proxy',
        location: answer.proxy.url,
        why: `${why}: the server at ${answer.proxy.url} is asked`,
      };
  }
}

function decidedByRoutes(decision: Decision, environment: Environment | null, url: URL): Decided {
  switch (decision.kind) {
    case 'file': {
      const { route, entry } = decision;
      const why =
        route === null
          ? 'no route took it, and there is such a file'
          : `the route "${route}" leads to files, and there is such a file`;
      return { outcome: 'file', route, file: entry.realPath, why };
    }
    case 'page': {
      const { page } = decision.page;
      const pool = page.kind === 'run' ? page.backend.name : null;
      return { outcome: 'page', pool, why: `a pool has its statusPath or pingPath there: ${page.path}` };
    }
    case 'listing':
      return {
        outcome: 'file',
        file: decision.realPath,
        why: 'it is a folder without an index, whose names are listed',
      };
    case 'redirect':
      return { outcome: 'redirect', location: decision.location, why: 'it is a folder, whose address ends in a slash' };
    case 'refuse':
      return { outcome: 'refused', error: decision.code, why: decision.why };
    case 'run': {
      const { route, scriptName, pathInfo, scriptFile } = decision;
      const taken = { route: route.match, pool: route.backend.name, environment };
      if (scriptFile === null) {
        return {
          ...taken,
          outcome: 'application',
          why: `the route "${route.match}" mounts an application at ${scriptName || '/'}`,
        };
      }
      const why = whyScript(url.pathname, scriptName, pathInfo, route.match);
      return { ...taken, outcome: 'script', file: scriptFile, why };
    }
  }
}

function whyScript(path: string, scriptName: string, pathInfo: string, match: string): string {
  if (encodePath(scriptName + pathInfo) === path || scriptName + pathInfo === path)
    return `the route "${match}" takes it, and there is such a script`;
  const isIndex = encodePath(scriptName.slice(0, scriptName.lastIndexOf('/') + 1)) === path;
  const how = isIndex ? 'it is a folder, whose index' : 'there is no such file: the fallback';
  return `${how} ${scriptName} takes it, by the route "${match}"`;
}

/** Stands where a pool would: it is only asked for its name. */
function idlePool(name: string): FrontPool {
  const refuse = (): never => {
    throw new PosternError('INTERNAL', `pool ${name} was asked to run something while only explaining`);
  };
  return { backend: { name, run: refuse }, snapshot: refuse };
}

/** Where a site is reached: "http://127.0.0.1:8000". */
function originOf(site: string, { values }: ExplainedConfig, places: readonly Place[]): string {
  const place = places.find(({ address, sites }) => isOnPort(address) && sites.some((one) => one.site === site));
  const url = place === undefined ? null : urlOf(place.address, values.site[site]!.host[0]);
  return url?.replace(/\/$/, '') ?? 'http://localhost';
}

/** Whether it is HTTP or HTTPS on a port. */
function isOnPort({ protocol, address }: ListenAddress): boolean {
  return protocol !== 'fastcgi' && address.kind === 'tcp';
}

const usualPorts: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/**
 * The site of a URL, as the listener on its port finds it; null: none there has that name. Where nobody listens on that port, a proxy may: then the name says it.
 * @throws CONFIG_INVALID
 */
function siteOf(places: readonly Place[], url: URL): string | null {
  const port = Number(url.port) || usualPorts[url.protocol]!;
  const onPort = places.filter(({ address }) => isOnPort(address) && portOf(address) === port);
  const spoken = onPort.filter(({ address }) => url.protocol === `${schemeOf(address)}:`);
  const name = url.hostname.replace(/^\[|\]$/g, '');
  const place =
    spoken.find(({ address }) => hostOf(address) === name) ??
    spoken.find(({ address }) => ['0.0.0.0', '::'].includes(hostOf(address))) ??
    spoken[0];
  if (place !== undefined) return new HostTable(place.sites).siteOf(url.host);
  const named = places.flatMap(({ sites }) => sites.filter(({ hosts }) => hosts.length > 0));
  const behindProxy = onPort.length > 0 ? null : new HostTable(named).siteNamed(url.hostname);
  if (behindProxy !== null) return behindProxy;
  const other = onPort[0] === undefined ? undefined : schemeOf(onPort[0].address);
  const why =
    other === undefined
      ? `no site listens on port ${port}: see listen in [site.NAME], or give only the path`
      : `port ${port} is for ${other}: write ${other}:// in place of ${url.protocol}//`;
  throw new PosternError('CONFIG_INVALID', why);
}

const schemeOf = ({ protocol }: ListenAddress): string => (protocol === 'h2c' ? 'http' : protocol);
const portOf = ({ address }: ListenAddress): number => (address.kind === 'tcp' ? address.port : 0);
const hostOf = ({ address }: ListenAddress): string => (address.kind === 'tcp' ? address.host : '');
