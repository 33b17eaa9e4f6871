// The command line as plain data, read from what `--help` is made of: for completions and the manual page. Pure.

import type { Argument, Command, Option } from 'commander';

/** What a value is, as far as a shell can help with it. */
export type ValueKind = 'file' | 'user' | 'text';

/** The value of an option, or an argument. */
export interface ValueEntry {
  /** "file" */
  readonly name: string;
  readonly kind: ValueKind;
  /** Words that it may be; with kind "file" one of them or a file. */
  readonly words: readonly string[];
}

/** One option. */
export interface OptionEntry {
  /** "-c", or null */
  readonly short: string | null;
  /** "--config" */
  readonly long: string;
  readonly value: ValueEntry | null;
  readonly isRepeatable: boolean;
  readonly description: string;
  /** null: none that a reader must know */
  readonly standard: string | null;
}

/** One argument. */
export interface ArgumentEntry {
  readonly value: ValueEntry;
  readonly isRequired: boolean;
  readonly description: string;
}

/** One command. */
export interface CommandEntry {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly description: string;
  readonly arguments: readonly ArgumentEntry[];
  readonly options: readonly OptionEntry[];
}

/** All of it. */
export interface CommandTree {
  readonly description: string;
  /** What every command and none has. */
  readonly options: readonly OptionEntry[];
  readonly commands: readonly CommandEntry[];
}

const kinds: Readonly<Record<string, ValueKind>> = { file: 'file', script: 'file', dir: 'file', which: 'file' };

/** What stands before a path or a number of these: their parsers know it, and commander does not. */
const wordsOf: Readonly<Record<string, readonly string[]>> = {
  '--php': ['auto', 'wasm'],
  '--threads': ['auto'],
  '--method': ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
};

/** @param program with every command */
export function treeOf(program: Command): CommandTree {
  return {
    description: program.description(),
    options: optionsOf(program),
    commands: program.commands.map((command) => ({
      name: command.name(),
      aliases: command.aliases(),
      description: command.description(),
      arguments: command.registeredArguments.map(argumentOf),
      options: optionsOf(command),
    })),
  };
}

const optionsOf = (command: Command): OptionEntry[] =>
  command.createHelp().visibleOptions(command).map(optionOf).sort(helpLast);

/** Commander gives the help as the last but one on a program with a version, and as the last elsewhere. */
const helpLast = (one: OptionEntry, other: OptionEntry): number =>
  Number(one.long === '--help') - Number(other.long === '--help');

function optionOf(option: Option): OptionEntry {
  const long = option.long ?? option.short!;
  const name = /<([^>]+)>/.exec(option.flags)?.[1];
  const standard: unknown = option.defaultValue;
  return {
    short: option.long === undefined ? null : (option.short ?? null),
    long,
    value: name === undefined ? null : valueEntry(long, name, option.argChoices ?? []),
    isRepeatable: Array.isArray(standard),
    description: option.description,
    standard: standard === undefined || Array.isArray(standard) ? null : String(standard),
  };
}

function argumentOf(argument: Argument): ArgumentEntry {
  return {
    value: valueEntry('', argument.name(), argument.argChoices ?? []),
    isRequired: argument.required,
    description: argument.description,
  };
}

function valueEntry(long: string, name: string, choices: readonly string[]): ValueEntry {
  const kind = long === '--user' ? 'user' : (kinds[name] ?? 'text');
  return { name, kind, words: wordsOf[long] ?? choices };
}
