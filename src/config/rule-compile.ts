// Makes rules of what the configuration says, and tells what is wrong with them.

import { isAbsolute, resolve } from 'node:path';
import { AddressList } from '../address-list.ts';
import { PosternError } from '../errors.ts';
import { textToBytes } from '../protocol/text.ts';
import { framingFields, type HeaderField, statusesOf } from '../rules/header-rule.ts';
import { type RefusalStatus, type Rule, type RuleAct, type RuleGate, refusalStatuses } from '../rules/rule.ts';
import { parseRuleMatch } from '../rules/rule-match.ts';
import { parseTemplate } from '../rules/target-template.ts';
import type { RuleValues } from './rule-schema.ts';

/** Something that is wrong in a rule, and the key that it is in. */
export class RuleFault extends PosternError {
  readonly key: keyof RuleValues | null;

  constructor(key: keyof RuleValues | null, message: string) {
    super('CONFIG_INVALID', message);
    this.key = key;
  }
}

const redirects = [301, 302, 303, 307, 308];
const acts = ['redirect', 'rewrite', 'try', 'proxy'] as const;
const perMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, min: 60_000, h: 3_600_000 };

/**
 * Makes one rule.
 * @param folder that relative paths start from
 * @throws RuleFault
 */
export function compileRule(values: RuleValues, folder: string): Rule {
  if ((values.match === undefined) === (values.regex === undefined))
    throw new RuleFault(null, 'it needs either match or regex, which say which paths it takes');
  const match = faultOf(values.match === undefined ? 'regex' : 'match', () =>
    parseRuleMatch(values.match ?? [], values.regex ?? null, values.method ?? null),
  );
  const compiled: Rule = {
    name: values.name,
    match,
    gate: gateOf(values, folder),
    header: headerOf(values),
    errorPages: errorPagesOf(values),
    listing: values.listing ?? null,
    act: actOf(values, match.parts, folder),
  };
  const { gate, header, errorPages, listing, act } = compiled;
  if (gate === null && header === null && errorPages === null && listing === null && act === null)
    throw new RuleFault(
      null,
      'it does nothing: give it one of redirect, rewrite, header, expires, try, auth, allow, deny, limit, errorPages, listing, proxy or status',
    );
  return compiled;
}

function actOf(values: RuleValues, parts: readonly string[], folder: string): RuleAct | null {
  const [kind, second] = acts.filter((key) => values[key] !== undefined);
  if (second !== undefined) throw new RuleFault(second, `it has ${kind} and ${second}: make two rules of it`);
  const { status } = values;
  if (kind === undefined) {
    if (status === undefined) return null;
    if (!isRefusal(status))
      throw new RuleFault(
        'status',
        `status ${status} is none that a rule answers with: write ${refusalStatuses.join(', ')}, or a redirect`,
      );
    return { kind: 'refuse', status };
  }
  if (status !== undefined && (kind !== 'redirect' || !redirects.includes(status)))
    throw new RuleFault('status', `status ${status} is none of a redirect: write one of ${redirects.join(', ')}`);
  const template = (text: string) => faultOf(kind, () => parseTemplate(text, parts));
  const inside = (text: string) => {
    if (!/^[/$]/.test(text)) throw new RuleFault(kind, `"${text}" is no path: begin it with "/"`);
    return template(text);
  };
  switch (kind) {
    case 'redirect':
      if (!/^(?:\/|\$|https?:\/\/)/.test(values.redirect!))
        throw new RuleFault('redirect', `"${values.redirect}" is no address: begin it with "/" or "https://"`);
      return { kind, status: status ?? 301, to: template(values.redirect!) };
    case 'rewrite':
      return { kind, to: inside(values.rewrite!) };
    case 'try': {
      const files = values.try!.slice(0, -1);
      const last = values.try!.at(-1)!;
      const code = /^=(\d+)$/.exec(last)?.[1];
      if (code !== undefined && !isRefusal(Number(code)))
        throw new RuleFault('try', `"${last}" ends in none of ${refusalStatuses.map((one) => `=${one}`).join(', ')}`);
      return {
        kind,
        files: files.map(inside),
        last: code === undefined ? inside(last) : (Number(code) as RefusalStatus),
      };
    }
    case 'proxy': {
      const { url, host = null, connectTimeout, readTimeout, streamUploads } = values.proxy!;
      const file = /^unix:(.*)$/.exec(url)?.[1];
      const absolute = file === undefined || isAbsolute(file) ? url : `unix:${resolve(folder, file)}`;
      if (file === undefined && !URL.canParse(url)) throw new RuleFault('proxy', `"${url}" is no address of a server`);
      const timeouts = { connectTimeoutMs: connectTimeout, readTimeoutMs: readTimeout };
      return { kind, proxy: { url: absolute.replace(/\/$/, ''), host, ...timeouts, streamUploads } };
    }
  }
}

function gateOf(values: RuleValues, folder: string): RuleGate | null {
  const { allow = null, deny = null, auth, limit, satisfy } = values;
  if (allow === null && deny === null && auth === undefined && limit === undefined) {
    if (satisfy === 'any') throw new RuleFault('satisfy', 'satisfy = "any" needs auth and allow or deny beside it');
    return null;
  }
  for (const key of ['allow', 'deny'] as const)
    faultOf(
      key,
      () =>
        new AddressList(
          (values[key] ?? []).filter((one) => one !== 'all'),
          key,
        ),
    );
  if (satisfy === 'any' && (auth === undefined || (allow === null && deny === null)))
    throw new RuleFault('satisfy', 'satisfy = "any" needs auth and allow or deny beside it');
  return {
    allow,
    deny,
    satisfiesAny: satisfy === 'any',
    auth: auth === undefined ? null : authOf(auth, folder),
    limit: limit === undefined ? null : limitOf(limit),
  };
}

function authOf(auth: NonNullable<RuleValues['auth']>, folder: string): NonNullable<RuleGate['auth']> {
  if ('pool' in auth) return { kind: 'pool', pool: auth.pool, role: auth.role, realm: auth.realm };
  return { kind: 'file', realm: auth.realm, file: resolve(folder, auth.file) };
}

function limitOf({ rate, burst, connections, by }: NonNullable<RuleValues['limit']>): NonNullable<RuleGate['limit']> {
  if (rate === undefined && connections === 0)
    throw new RuleFault('limit', 'it limits nothing: give it a rate or connections');
  const [, requests, unit] = /^(\d+) ?r?\/(\w+)$/.exec(rate ?? '') ?? [];
  if (requests !== undefined && Number(requests) === 0)
    throw new RuleFault('limit', `"${rate}" lets nobody in: write deny = "all" for that`);
  return {
    rate: requests === undefined ? null : { requests: Number(requests), everyMs: perMs[unit!]! },
    burst,
    connections,
    by,
  };
}

function headerOf(values: RuleValues): Rule['header'] {
  const { header, addHeader, removeHeader, expires, onStatus } = values;
  if (header === undefined && addHeader === undefined && removeHeader === undefined && expires === undefined) {
    if (onStatus === undefined) return null;
    throw new RuleFault('onStatus', 'onStatus needs header, addHeader, removeHeader or expires beside it');
  }
  for (const [key, names] of [
    ['header', Object.keys(header ?? {})],
    ['addHeader', Object.keys(addHeader ?? {})],
    ['removeHeader', removeHeader ?? []],
  ] as const) {
    const framing = names.find((name) => framingFields.has(name.toLowerCase()));
    if (framing !== undefined) throw new RuleFault(key, `${framing} is set by whoever sends the answer: take it out`);
  }
  return {
    set: fieldsOf('header', header),
    add: fieldsOf('addHeader', addHeader),
    remove: (removeHeader ?? []).map((name) => name.toLowerCase()),
    expiresS: expires === undefined ? null : Math.round(expires / 1_000),
    statuses: onStatus === undefined ? null : new Set(onStatus.flatMap((one) => statusesOf(String(one)) ?? [])),
  };
}

function fieldsOf(key: 'header' | 'addHeader', fields: RuleValues['header'] = {}): HeaderField[] {
  return Object.entries(fields).map(([name, values]) => {
    const wrong = values.find((value) => /[\x00-\x08\x0a-\x1f\x7f]/.test(value));
    if (wrong !== undefined) throw new RuleFault(key, `the value of ${name} holds a control character`);
    return { name, values: values.map((value) => textToBytes(value)) };
  });
}

function errorPagesOf({ errorPages }: RuleValues): Rule['errorPages'] {
  if (errorPages === undefined) return null;
  // What is said of one status wins over what is said of a hundred.
  const entries = Object.entries(errorPages).toSorted(
    ([a], [b]) => Number(b.endsWith('xx')) - Number(a.endsWith('xx')),
  );
  return new Map(
    entries.flatMap(([status, page]) => (statusesOf(status) ?? []).map((one) => [one, textToBytes(page)] as const)),
  );
}

function isRefusal(status: number): status is RefusalStatus {
  return (refusalStatuses as readonly number[]).includes(status);
}

function faultOf<Value>(key: keyof RuleValues, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof PosternError) || error instanceof RuleFault) throw error;
    throw new RuleFault(key, error.message);
  }
}
