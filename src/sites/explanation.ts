// What a URL gets from a configuration and why: route, script, CGI variables and pool; nothing is run.

import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { parseListenAddress } from '../config/listen-address.ts';
import { PosternError } from '../errors.ts';
import type { Gateway } from '../gateway/handle.ts';
import type { Decision } from '../gateway/script.ts';
import { silentLog } from '../log.ts';
import type { Environment } from '../protocol/cgi/exchange.ts';
import { encodePath } from '../protocol/http/path.ts';
import { ruleLine } from '../rules/rule-words.ts';
import { makeGateways } from './gateways.ts';
import { innerRequest } from './inner-request.ts';
import type { FrontPool } from './pool-pages.ts';

/** What a URL gets. Byte strings where they come from the URL or the disk. */
export interface Explanation {
  readonly url: string;
  readonly site: string;
  /** The folder of the site. */
  readonly root: string;
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

/**
 * Explains a URL.
 * @param text "http://127.0.0.1:8000/a?b", or "/a?b" for the first site
 * @throws CONFIG_INVALID when no site listens there
 */
export function explain(config: ExplainedConfig, text: string): Explanation {
  const names = Object.keys(config.values.pool);
  const units = new Map(names.map((name) => [name, idlePool(name)]));
  const gateways = makeGateways(config, units, silentLog, { access: null, count: null });
  const isPath = text.startsWith('/');
  const url = new URL(isPath ? `http://${firstHost(config)}${text}` : text);
  // As it was typed: a URL's parser takes out "..", and what a program then gets would not be what a client can send.
  const target = isPath ? text : text.replace(/^[a-z]+:\/\/[^/?#]*/i, '') || '/';
  const site = isPath ? [...gateways.keys()][0]! : siteOf(config, url);
  const about = {
    url: isPath ? `${url.origin}${text}` : text,
    site,
    root: resolve(config.folder, config.values.site[site]!.root),
    route: null,
    pool: null,
    file: null,
    location: null,
    rules: [],
    tried: [],
    error: null,
    environment: null,
  };
  try {
    return { ...about, ...decided(gateways.get(site)!, url, target.replace(/#.*/, '')) };
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    return { ...about, outcome: 'refused', error: error.code, why: error.message };
  }
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

function firstHost({ values }: ExplainedConfig): string {
  const listen = Object.values(values.site)[0]?.listen[0];
  const address = listen === undefined ? null : parseListenAddress(listen.address).address;
  if (address === null || address.kind === 'unix') return 'localhost';
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}

/** The site that listens on the port of a URL. */
function siteOf({ values }: ExplainedConfig, url: URL): string {
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  for (const [name, { listen }] of Object.entries(values.site)) {
    const addresses = listen.map(({ address }) => parseListenAddress(address).address);
    if (addresses.some((address) => address.kind === 'tcp' && address.port === port)) return name;
  }
  throw new PosternError(
    'CONFIG_INVALID',
    `no site listens on port ${port}: see listen in [site.NAME], or give only the path`,
  );
}
