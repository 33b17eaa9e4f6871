// What a reload says of the sections of a configuration that are neither pools nor addresses. Pure.

import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/config.ts';

type Values = Config['values'];

/** Sections that take the place of those of before. */
const replaced = ['acme', 'admin'] as const;

/** Keys of [service] that count from the start on. */
const startKeys = ['threads', 'user'] as const;

/** What has changed from one configuration to the next, in words; of what is read at the start only, that a restart is needed. */
export function changedSections(before: Values, now: Values): readonly string[] {
  const isNew = (name: 'site' | 'acme' | 'admin' | 'log'): boolean => !isDeepStrictEqual(before[name], now[name]);
  const waiting = startKeys.filter((key) => before.service[key] !== now.service[key]);
  const isServiceNew = !isDeepStrictEqual(withoutStart(before.service), withoutStart(now.service));
  return [
    ...(isNew('site') ? ['sites replaced'] : []),
    ...replaced.filter(isNew).map((name) => `[${name}] replaced`),
    ...(isServiceNew ? ['[service] replaced'] : []),
    ...waiting.map(onlyAtStart),
    ...(isNew('log') ? [onlyAtStart('[log]')] : []),
  ];
}

function withoutStart({ threads: _threads, user: _user, ...service }: Values['service']): object {
  return service;
}

function onlyAtStart(what: string): string {
  return `${what} has changed, which is read at the start only: restart for it`;
}
