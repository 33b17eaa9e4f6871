// What is wrong in a configuration: where, and in words; and zod's findings turned into such. Pure.

import type { z } from 'zod';
import { nearestName } from './nearest.ts';
import { lineOf, type TomlLines } from './toml-lines.ts';

/** One thing that is wrong. */
export interface Problem {
  /** Keys from the top of the file. */
  readonly path: readonly PropertyKey[];
  /** What is wrong and what to do, without file and line. */
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

/** "postern.toml:12: unknown key ..." */
export function formatProblem(file: string, lines: TomlLines, { path, message }: Problem): string {
  const line = lineOf(lines, path);
  return `${file}:${line === null ? '' : `${line}:`} ${message}`;
}

/** A section as the file writes it: "[pool.php]", "[[site.main.route]]". */
export function sectionName(path: readonly PropertyKey[]): string {
  const last = path.at(-1);
  const isElement = typeof last === 'number' || /^\d+$/.test(String(last));
  const names = path.filter((part) => !/^\d+$/.test(String(part))).map(String);
  if (names.length === 0) return 'the file';
  return isElement ? `[[${names.join('.')}]]` : `[${names.join('.')}]`;
}

/** "workers in [pool.php]" */
export function keyName(path: readonly PropertyKey[]): string {
  const keys = path.filter((part) => typeof part !== 'number');
  const depth = path.findLastIndex((part, index) => typeof part !== 'number' && index < path.length - 1);
  const isElement = typeof path.at(-1) === 'number';
  const section = isElement ? path.slice(0, depth) : path.slice(0, -1);
  const key = String(isElement ? path[depth] : keys.at(-1));
  return section.length === 0 ? key : `${key} in ${sectionName(section)}`;
}

/** Turns zod's issues into problems. `input` is what was checked, `keysOf` the keys that the section at a path may have. */
export function problemsOf(
  issues: readonly Issue[],
  input: unknown,
  keysOf: (path: readonly PropertyKey[]) => readonly string[],
): Problem[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: [...issue.path, key],
        message: unknownKey(key, issue.path, keysOf(issue.path)),
      }));
    }
    const name = keyName(issue.path);
    const value = show(valueAt(input, issue.path));
    const hint = hintOf(issue);
    const message = hint === null ? `${name} ${wording(issue)}, not ${value}` : `${name} is ${value}: ${hint}`;
    return [{ path: issue.path, message }];
  });
}

function unknownKey(key: string, section: readonly PropertyKey[], known: readonly string[]): string {
  const near = nearestName(key, known);
  const where =
    section.length === 0 ? `unknown section or key "${key}"` : `unknown key "${key}" in ${sectionName(section)}`;
  if (near !== null) return `${where}: did you mean "${near}"?`;
  return `${where}: known are ${known.filter((name) => name !== '$schema').join(', ')}`;
}

/** What the schema itself says is to be done; null: it says nothing of its own. */
function hintOf(issue: Issue): string | null {
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? null;
  const isOwn = issue.code === 'invalid_format' || issue.code === 'custom' || issue.code === 'invalid_union';
  return isOwn && !issue.message.startsWith('Invalid ') ? issue.message : null;
}

/** What a value must be. */
function wording(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${typeNames[issue.expected] ?? issue.expected}`;
    case 'too_small':
      if (issue.origin === 'array' || issue.origin === 'string') return 'must not be empty';
      return `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}`;
    case 'invalid_value':
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'invalid_union':
      return `must be ${[...new Set(issue.errors.flat().map((inner) => wording(inner).replace(/^must be /, '')))].join(' or ')}`;
    default:
      return `must be something else (${issue.message})`;
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'a text in quotes',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a section',
  record: 'a section',
};

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], input);
}

function show(value: unknown): string {
  const written = JSON.stringify(value) ?? 'nothing';
  return written.length <= 60 ? written : `${written.slice(0, 57)}...`;
}
