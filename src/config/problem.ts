// What is wrong in a configuration: where, and in words; and zod's findings turned into such.

import { statSync } from 'node:fs';
import type { z } from 'zod';
import { PosternError } from '../errors.ts';

/** Keys from the top of the file. */
export type Path = readonly PropertyKey[];

/** One thing that is wrong. */
export interface Problem {
  readonly path: Path;
  /** What is wrong and what to do, without file and line. */
  readonly message: string;
  /** Another key that it is about; where that is wrong itself, this is not known. */
  readonly other?: Path;
  /** Where the file has it, from 1; null: nowhere. Absent: nobody has looked yet. */
  readonly line?: number | null;
}

/** The lines of a text. */
export interface Lines {
  /** @param key of a path or an array's element (`pathKey`) @returns the line it stands on, from 1 */
  get(key: string): number | undefined;
  /** Why it has none, though the text was read: the parser that finds lines takes it for no TOML. */
  readonly fault: TomlFault | null;
}

/** Why a text is no TOML. */
export interface TomlFault {
  readonly line: number;
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

/** A path as the key of a map. */
export const pathKey = (path: Path): string => path.map(String).join('\0');

/** The line of a path, or of the nearest one above it that the text holds. */
export function lineOf(lines: Lines, path: Path): number | null {
  for (let length = path.length; length > 0; length -= 1) {
    const line = lines.get(pathKey(path.slice(0, length)));
    if (line !== undefined) return line;
  }
  return null;
}

/** The same with their lines, in the order of these; where the text has none, with the reason for that. */
export function withLines(problems: readonly Problem[], lines: Lines): Problem[] {
  const found = problems.map((one) => (one.line === undefined ? { ...one, line: lineOf(lines, one.path) } : one));
  const isAsked = problems.some(({ line }) => line === undefined);
  if (isAsked && lines.fault !== null) {
    const { line } = lines.fault;
    const message = notToml(lines.fault);
    if (!found.some((one) => one.message === message)) found.push({ path: [], message, line });
  }
  return found.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
}

/** What is said of a text that is no TOML, without its line. */
export const notToml = ({ message }: Pick<TomlFault, 'message'>): string => `this is not TOML: ${message}`;

/** "postern.toml:12: unknown key ..." */
export function formatProblem(file: string, { line = null, message }: Problem): string {
  return `${file}:${line === null ? '' : `${line}:`} ${message}`;
}

/** A section as the file writes it: "[pool.php]", "[[site.main.route]]". */
export function sectionName(path: Path): string {
  const last = path.at(-1);
  const isElement = typeof last === 'number' || /^\d+$/.test(String(last));
  const names = path.filter((part) => !/^\d+$/.test(String(part))).map(String);
  if (names.length === 0) return 'the file';
  return isElement ? `[[${names.join('.')}]]` : `[${names.join('.')}]`;
}

/** "workers in [pool.php]" */
export function keyName(path: Path): string {
  const keys = path.filter((part) => typeof part !== 'number');
  const depth = path.findLastIndex((part, index) => typeof part !== 'number' && index < path.length - 1);
  const isElement = typeof path.at(-1) === 'number';
  const section = isElement ? path.slice(0, depth) : path.slice(0, -1);
  const key = String(isElement ? path[depth] : keys.at(-1));
  return section.length === 0 ? key : `${key} in ${sectionName(section)}`;
}

/** A problem where something is wrong. */
export function when(isWrong: boolean, path: Path, message: string, other: Path = path): Problem[] {
  return isWrong ? [{ path, message, other }] : [];
}

/** The refusal that `read` throws, as a problem. */
export function refused(read: () => unknown, path: Path): Problem[] {
  try {
    read();
    return [];
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    return [{ path, message: `${keyName(path)}: ${error.message}` }];
  }
}

/** Whether it is a folder that can be seen. */
export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // it is not there, or may not be looked at
  }
}

/**
 * Turns zod's issues of one section into problems.
 * @param section the section's path
 * @param input what was checked
 * @param unknownKey what is to be said of a key that a table does not have; the table's path starts from the section
 */
export function problemsOf(
  issues: readonly Issue[],
  section: Path,
  input: unknown,
  unknownKey: (key: string, table: Path) => string,
): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: [...section, ...issue.path, key],
        message: unknownKey(key, issue.path),
      }));
    }
    const meant = meantOption(issue);
    if (meant !== null) {
      const inner = meant.map((one): Issue => ({ ...one, path: [...issue.path, ...one.path] }));
      return problemsOf(inner, section, input, unknownKey);
    }
    const path = [...section, ...issue.path];
    const name = keyName(path);
    const value = shown(valueAt(input, issue.path));
    const hint = hintOf(issue);
    const message = hint === null ? `${name} ${wording(issue)}, not ${value}` : `${name} is ${value}: ${hint}`;
    return [{ path, message }];
  });
}

/** A value for a message, not too long. */
export function shown(value: unknown): string {
  const written = JSON.stringify(value) ?? 'nothing';
  return written.length <= 60 ? written : `${written.slice(0, 57)}...`;
}

/** Of "a text, a list or a table" the one that was written, where its own faults say more; null: none was, or the whole has words of its own. */
function meantOption(issue: Issue): readonly Issue[] | null {
  if (issue.code !== 'invalid_union' || hintOf(issue) !== null) return null;
  const meant = issue.errors.filter((inner) => !inner.some(isOtherType));
  return meant.length === 1 ? meant[0]! : null;
}

/** Whether the value as a whole is of another type than this asks for. */
function isOtherType(issue: Issue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === 'invalid_union') return issue.errors.every((inner) => inner.some(isOtherType));
  return issue.code === 'invalid_type' || issue.code === 'invalid_value';
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

function valueAt(input: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], input);
}
