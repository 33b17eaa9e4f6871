// The rules of a site with what they need besides: gates that count and remember, servers that are asked. Made once for each configuration.

import { PosternError } from '../errors.ts';
import type { RequestPath } from '../protocol/http/path.ts';
import type { ProxyOptions, Rule } from '../rules/rule.ts';
import { MAX_REGEX_PATH } from '../rules/rule-match.ts';
import { judge, judgeFound, type Look, type Ruling, type TakenRule } from '../rules/ruling.ts';
import { ClientGate, type GateParts } from './client-gate.ts';
import { HttpProxy } from './http-proxy.ts';
import type { HttpRequest } from './message.ts';
import { PasswordThread } from './password-thread.ts';
import type { Client } from './request-client.ts';
import type { Routing } from './routing.ts';
import { type Decision, decide } from './script.ts';

/** What the rules and the routes say together. */
export interface RuledDecision {
  readonly ruling: Ruling;
  /** Those that count for what answers too, in their order. */
  readonly taken: readonly TakenRule[];
  /** What answers, where no rule does. */
  readonly decision: Decision | null;
}

/** One site's. */
export class SiteGates {
  readonly #rules: readonly Rule[];
  readonly #gates: ReadonlyMap<Rule, ClientGate>;
  readonly #proxies: ReadonlyMap<ProxyOptions, HttpProxy>;
  readonly #routing: Routing;
  /** The same, where folders are listed. */
  readonly #listing: Routing;
  readonly #look: Look;
  readonly #hasRegex: boolean;

  /** @throws CONFIG_INVALID */
  constructor(rules: readonly Rule[], routing: Routing, parts: Omit<GateParts, 'thread'>) {
    const thread = new PasswordThread(parts.clock);
    this.#rules = rules;
    this.#routing = routing;
    this.#listing = { ...routing, lists: true, fallback: null };
    this.#gates = new Map(
      rules.flatMap((rule) =>
        rule.gate === null ? [] : [[rule, new ClientGate(rule, rule.gate, { ...parts, thread })] as const],
      ),
    );
    this.#proxies = new Map(
      rules.flatMap(({ act }) => (act?.kind === 'proxy' ? [[act.proxy, new HttpProxy(act.proxy)] as const] : [])),
    );
    this.#hasRegex = rules.some(({ match }) => match.patterns.some(({ kind }) => kind === 'regex'));
    this.#look = (path) => {
      const entry = routing.place.root?.look(path) ?? null;
      if (entry === null) return routing.place.root?.names.hasDotName(path) ? 'hidden' : null;
      return entry.isHidden ? 'hidden' : entry.kind;
    };
  }

  /** @throws BAD_REQUEST, URI_TOO_LONG */
  decide(
    { method, headers }: Pick<HttpRequest, 'method' | 'headers'>,
    client: Client,
    target: RequestPath,
  ): RuledDecision {
    if (this.#hasRegex && target.path.length > MAX_REGEX_PATH) {
      const message = `the path has ${target.path.length} bytes, more than ${MAX_REGEX_PATH}, which rules with regex take`;
      throw new PosternError('URI_TOO_LONG', message);
    }
    const scheme = client.secure ? 'https' : 'http';
    const ruling = judge(
      this.#rules,
      { method, target, host: client.host ?? hostOf(headers, client), scheme },
      this.#look,
    );
    if (ruling.answer?.kind === 'redirect' || ruling.answer?.kind === 'refuse')
      return { ruling, taken: ruling.taken, decision: null };
    if (ruling.answer?.kind === 'proxy') {
      const isNew = ruling.target.path !== target.path;
      const taken = isNew ? judgeFound(this.#rules, ruling, method, ruling.target.path) : ruling.taken;
      return { ruling, taken, decision: null };
    }
    const lists = ruling.taken.find(({ rule }) => rule.listing !== null)?.rule.listing ?? false;
    const decision = this.#decide(ruling.target, lists);
    const path = pathOf(decision, ruling.target.path);
    const taken = path === target.path ? ruling.taken : judgeFound(this.#rules, ruling, method, path);
    return { ruling, taken, decision };
  }

  /** Whether a client may ask from where it is. Nothing is counted, and no password is asked for. @throws FORBIDDEN */
  checkAddress({ taken }: RuledDecision, client: Client): void {
    const address = gateAddress(client);
    for (const { rule } of taken) this.#gates.get(rule)?.admits(address);
  }

  gateOf(rule: Rule): ClientGate | undefined {
    return this.#gates.get(rule);
  }

  proxyOf(options: ProxyOptions): HttpProxy {
    return this.#proxies.get(options)!;
  }

  /** A folder is listed where it has no index; what is not there goes to the fallback all the same. */
  #decide(target: RequestPath, lists: boolean): Decision {
    if (!lists) return decide(this.#routing, target);
    const decision = decide(this.#listing, target);
    return decision.kind === 'refuse' ? decide(this.#routing, target) : decision;
  }
}

/** The address of a client, as gates know it: empty for a Unix socket. */
export function gateAddress({ remoteAddress }: Client): string {
  return remoteAddress === 'unix:' ? '' : remoteAddress;
}

/** The URL path of what answers. */
function pathOf(decision: Decision, path: string): string {
  if (decision.kind === 'run') return decision.scriptFile === null ? path : decision.scriptName;
  if (decision.kind !== 'file') return path;
  // A link leads to what stands elsewhere, and an index to the file of that name.
  return decision.entry.realUrlPath ?? path;
}

function hostOf(headers: readonly string[], { serverName }: Client): string {
  for (let i = 0; i < headers.length; i += 2) if (headers[i]!.toLowerCase() === 'host') return headers[i + 1]!;
  return serverName;
}
