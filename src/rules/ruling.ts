// What the rules of a site say of one request: which of them take it, what its target becomes, and whether one of them answers. Pure.

import type { RequestPath } from '../protocol/http/path.ts';
import type { ProxyOptions, RefusalStatus, Rule } from './rule.ts';
import { partsFor, takes } from './rule-match.ts';
import { redirectTo, rewriteTo, type TargetFacts, type TargetTemplate } from './target-template.ts';

/** One request, as the rules see it. */
export interface RuledRequest {
  readonly method: string;
  readonly target: RequestPath;
  readonly host: string;
  readonly scheme: 'http' | 'https';
}

/** What is on disk at a path: `hidden` is there, and for nobody. */
export type Seen = 'file' | 'folder' | 'hidden' | null;

/** Looks at the disk for `try`. */
export type Look = (path: string) => Seen;

/** What a request is answered with, if by a rule. */
export type RuledAnswer =
  | { readonly kind: 'redirect'; readonly status: number; readonly location: string }
  | { readonly kind: 'refuse'; readonly status: RefusalStatus }
  | { readonly kind: 'proxy'; readonly proxy: ProxyOptions };

/** One rule that took the request, and what it did. */
export interface TakenRule {
  readonly rule: Rule;
  /** In words, for `explain`; null: what the rule says beside gives it. */
  readonly did: string | null;
}

/** What the rules say. */
export interface Ruling {
  /** Where the request goes, by now. */
  readonly target: RequestPath;
  readonly taken: readonly TakenRule[];
  /** null: the routes and files answer. */
  readonly answer: RuledAnswer | null;
}

/**
 * Asks the rules, in their order.
 * @throws BAD_REQUEST where a rewritten path cannot be
 */
export function judge(rules: readonly Rule[], request: RuledRequest, look: Look): Ruling {
  let { target } = request;
  const taken: TakenRule[] = [];
  for (const rule of rules) {
    if (!takes(rule.match, request.method, target.path)) continue;
    const { act } = rule;
    if (act === null) {
      taken.push({ rule, did: null });
      continue;
    }
    const facts = factsFor(rule, request, target);
    switch (act.kind) {
      case 'redirect': {
        const location = redirectTo(act.to, facts);
        taken.push({ rule, did: `redirect ${act.status} to ${location}` });
        return { target, taken, answer: { kind: 'redirect', status: act.status, location } };
      }
      case 'rewrite':
        target = rewriteTo(act.to, facts);
        taken.push({ rule, did: `rewrite to ${shown(target)}` });
        break;
      case 'try': {
        const found = tried(act.files, act.last, facts, look);
        if (typeof found === 'number') {
          taken.push({ rule, did: `try: nothing is there, so ${found}` });
          return { target, taken, answer: { kind: 'refuse', status: found } };
        }
        const did = found === target ? 'try: it is there' : `try: ${shown(found)}`;
        target = found;
        taken.push({ rule, did });
        break;
      }
      case 'refuse':
        taken.push({ rule, did: `answer ${act.status}` });
        return { target, taken, answer: { kind: 'refuse', status: act.status } };
      case 'proxy':
        taken.push({ rule, did: `proxy to ${act.proxy.url}` });
        return { target, taken, answer: { kind: 'proxy', proxy: act.proxy } };
    }
  }
  return { target, taken, answer: null };
}

/**
 * Those rules that take what answers, besides those that took the request: they may refuse it, and change the header of its answer.
 * @param path of the script or file that was found, or what a rule rewrote the request to
 */
export function judgeFound(
  rules: readonly Rule[],
  { taken }: Ruling,
  method: string,
  path: string,
): readonly TakenRule[] {
  let all: TakenRule[] | null = null;
  for (const rule of rules) {
    if (rule.act !== null && rule.gate === null && rule.header === null) continue;
    if (!takes(rule.match, method, path) || taken.some((one) => one.rule === rule)) continue;
    all ??= [...taken];
    all.push({ rule, did: null });
  }
  return all === null ? taken : all.sort((a, b) => rules.indexOf(a.rule) - rules.indexOf(b.rule));
}

function factsFor({ match }: Rule, { host, scheme }: RuledRequest, target: RequestPath): TargetFacts {
  return { target, parts: match.parts.length === 0 ? {} : partsFor(match, target.path), host, scheme };
}

/** nginx's try_files: the first that is there; a name that ends in "/" is a folder. */
function tried(
  files: readonly TargetTemplate[],
  last: TargetTemplate | RefusalStatus,
  facts: TargetFacts,
  look: Look,
): RequestPath | RefusalStatus {
  for (const file of files) {
    const found = rewriteTo(file, facts);
    const wanted = file.text.endsWith('/') ? 'folder' : 'file';
    const seen = found.nameLength < found.path.length ? null : look(found.path);
    // What is hidden is there for nobody, the fallback too: as the routes have it.
    if (seen === 'hidden') return found;
    // A folder that is asked for without its slash stays so, and is redirected.
    if (seen === wanted) return bare(found.path) === bare(facts.target.path) ? facts.target : found;
  }
  return typeof last === 'number' ? last : rewriteTo(last, facts);
}

function bare(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

function shown({ path, query }: RequestPath): string {
  return query === '' ? path : `${path}?${query}`;
}
