// A configuration that was read and checked, and what is wrong with one.

import { PosternError } from '../errors.ts';
import type { ConfigValues } from './config-schema.ts';
import { linesOf } from './lines.ts';
import { formatProblem, type Problem, withLines } from './problem.ts';

/** Where a configuration comes from. */
export interface ConfigOrigin {
  /** What errors call it. */
  readonly shown: string;
  readonly file: string | null;
  readonly folder: string;
  /** The text that it was read from, in which lines are found; null: there is none. */
  readonly text: string | null;
}

/** A configuration that was read and checked. */
export interface Config {
  /** The file it came from, absolute; null: it was made in this process. */
  readonly file: string | null;
  /** The folder that relative paths in it start from. */
  readonly folder: string;
  readonly values: ConfigValues;
  /** An error that names file and line, for what shows only when the configuration is used. Without a file: the messages alone. */
  readonly refusal: (...problems: readonly Problem[]) => ConfigError;
}

/** A configuration that was read, whatever is wrong with it. */
export interface ExaminedConfig extends Config {
  /** None: it can be used. Else `values` lack what could not be read. */
  readonly problems: readonly Problem[];
}

/** CONFIG_INVALID: each problem is a line of the message, in the order of the file's lines. */
export class ConfigError extends PosternError {
  readonly problems: readonly Problem[];

  constructor(message: string, problems: readonly Problem[]) {
    super('CONFIG_INVALID', message);
    this.problems = problems;
  }
}

/** What reading comes to, as plain data that can go from one thread or process to another: JSON. */
export interface ReadConfig {
  readonly values: ConfigValues;
  /** With their lines: to find them takes long, and who tells them may be a service with requests. */
  readonly problems: readonly Problem[];
  readonly origin: ConfigOrigin;
}

/** A configuration of what was read. */
export function examined({ values, problems, origin: { shown, file, folder, text } }: ReadConfig): ExaminedConfig {
  const lines = linesOf(text);
  const refusal = (...found: readonly Problem[]): ConfigError => {
    const inOrder = withLines(found, lines);
    return new ConfigError(
      inOrder.map((one) => (file === null ? one.message : formatProblem(shown, one))).join('\n'),
      inOrder,
    );
  };
  return { file, folder, values, refusal, problems };
}

/** The same, where nothing may be wrong. @throws ConfigError */
export function sound(read: ReadConfig): Config {
  const config = examined(read);
  if (config.problems.length > 0) throw config.refusal(...config.problems);
  return config;
}
