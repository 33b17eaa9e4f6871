// What a rule says, in words for `explain` and for logs. Pure.

import type { Rule, RuleGate } from './rule.ts';
import type { TakenRule } from './ruling.ts';

/** "rule 2 (line 14) /admin/*: only 10.0.0.0/8; password for Admin" */
export function ruleLine({ rule, did }: TakenRule): string {
  return `${rule.name} ${rule.match.shown}: ${did ?? wordsOf(rule)}${did === null ? '' : beside(rule)}`;
}

function beside(rule: Rule): string {
  const words = wordsOf(rule);
  return words === '' ? '' : `; ${words}`;
}

function wordsOf({ gate, header, errorPages, listing }: Rule): string {
  const words: string[] = gate === null ? [] : gateWords(gate);
  if (header !== null) {
    words.push(...header.set.map(({ name, values }) => `header ${name}: ${values.join(', ')}`));
    words.push(...header.add.map(({ name, values }) => `header added ${name}: ${values.join(', ')}`));
    words.push(...header.remove.map((name) => `header removed ${name}`));
    if (header.expiresS !== null) words.push(`expires in ${header.expiresS} s`);
  }
  if (errorPages !== null) words.push(`pages for ${statusWords([...errorPages.keys()])}`);
  if (listing !== null) words.push(listing ? 'folders are listed' : 'folders are not listed');
  return words.join('; ');
}

function gateWords({ allow, deny, auth, limit, satisfiesAny }: RuleGate): string[] {
  const words: string[] = [];
  if (allow !== null) words.push(`only ${allow.join(', ')}`);
  if (deny !== null) words.push(`not ${deny.join(', ')}`);
  if (limit !== null) {
    const { rate, burst, connections, by } = limit;
    const of = by === 'network' ? 'network' : 'client';
    if (rate !== null)
      words.push(`${rate.requests} requests in ${rate.everyMs / 1_000} s a ${of}, ${burst} more at once`);
    if (connections > 0) words.push(`${connections} requests at a time a ${of}`);
  }
  if (auth?.kind === 'file') words.push(`${satisfiesAny ? 'or ' : ''}password for ${auth.realm}`);
  if (auth?.kind === 'pool') words.push(`${satisfiesAny ? 'or ' : ''}pool ${auth.pool} is asked (${auth.role})`);
  return words;
}

/** Statuses with runs of them cut short: "404, 500 to 599". */
function statusWords(statuses: readonly number[]): string {
  const sorted = statuses.toSorted((a, b) => a - b);
  const runs: [number, number][] = [];
  for (const status of sorted) {
    const last = runs.at(-1);
    if (last !== undefined && last[1] === status - 1) last[1] = status;
    else runs.push([status, status]);
  }
  return runs.map(([from, to]) => (from === to ? String(from) : `${from} to ${to}`)).join(', ');
}
