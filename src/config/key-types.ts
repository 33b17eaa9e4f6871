// What the values of keys are made of: durations "30s", sizes "128MB", counts, texts, lists, variables. Pure.

import { z } from 'zod';

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const unitBytes: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** What a duration looks like: "250ms", "30s", "5m", "1h", "1d", "0". */
export const durationPattern = /^(?:0|(?:\d+(?:\.\d+)?) ?(?:ms|s|m|h|d))$/;

/** What a size looks like: "512B", "64KB", "128MB", "1GB", or as PHP writes it, "128M"; "0". */
export const sizePattern = /^(?:0|(?:\d+(?:\.\d+)?) ?(?:[kKmMgG]?B|[kKmMgG]))$/;

const durationHint = 'write a duration such as "250ms", "30s", "5m" or "1h"';
const sizeHint = 'write a size such as "64KB", "128MB" or "1GB"';

/** Milliseconds of a text that matches `durationPattern`. */
export function parseDuration(text: string): number {
  const [, number, unit] = /^([\d.]+) ?([a-z]*)$/.exec(text) ?? [];
  return Math.round(Number(number) * (unitMs[unit ?? ''] ?? 1));
}

/** Bytes of a text that matches `sizePattern`; K, M and G are powers of 1024, as in php.ini. */
export function parseSize(text: string): number {
  const [, number, unit] = /^([\d.]+) ?([a-zA-Z]*)$/.exec(text) ?? [];
  return Math.round(Number(number) * (unitBytes[(unit ?? '').toUpperCase().replace('B', '')] ?? 1));
}

/** Milliseconds when read. */
export const duration = z
  .union([z.literal(0), z.string().regex(durationPattern, durationHint)], { error: durationHint })
  .transform((value) => parseDuration(String(value)));

/** Bytes when read. */
export const size = z
  .union([z.literal(0), z.string().regex(sizePattern, sizeHint)], { error: sizeHint })
  .transform((value) => parseSize(String(value)));

export const count = z.int().min(0).max(1_000_000);
export const score = z.number().min(0).max(1_000_000);
export const text = z.string().min(1);
export const urlPath = z.string().regex(/^\//, 'write a path that begins with "/"');

/** A value of php.ini. */
export const setting = z.union([z.string(), z.number(), z.boolean()]);

/** One value or a list; a list when read. */
export const oneOrMore = <Item extends z.ZodType>(item: Item) =>
  z.union([item, z.array(item).min(1)]).transform((value) => (Array.isArray(value) ? value : [value]));

/** Texts by name; numbers and booleans may stand in TOML without quotes. */
export const variables = z
  .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'a variable is letters, digits and "_"'), setting)
  .transform((values) => Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)])))
  .prefault({});

/** What the name of a site or a pool looks like. */
export const sectionKeyPattern = /^[A-Za-z0-9_-]{1,40}$/;
export const sectionKeyHint = 'a name is 1 to 40 letters, digits, "-" and "_"';
export const sectionKey = z.string().regex(sectionKeyPattern, sectionKeyHint);
