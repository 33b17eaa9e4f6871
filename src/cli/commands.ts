// Reads the command line, runs one command, and turns what it throws into one line and an exit status.

import { Command, CommanderError } from 'commander';
import { version } from '../version.ts';
import type { WholeProgram } from './completion-command.ts';
import { describeError, exit, exitStatusOf } from './exit-status.ts';
import { processTerminal, type Terminal } from './terminal.ts';

type AddCommand = (program: Command, terminal: Terminal, whole: WholeProgram) => void;

/** Each command, in the order of the help. Only the one that is run is loaded, and what it works with only when it runs. */
const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  serve: async () => (await import('./serve-command.ts')).addServe,
  run: async () => (await import('./run-command.ts')).addRun,
  check: async () => (await import('./config-commands.ts')).addCheck,
  status: async () => (await import('./instance-commands.ts')).addStatus,
  top: async () => (await import('./instance-commands.ts')).addTop,
  reload: async () => (await import('./instance-commands.ts')).addReload,
  stop: async () => (await import('./instance-commands.ts')).addStop,
  request: async () => (await import('./request-command.ts')).addRequest,
  explain: async () => (await import('./config-commands.ts')).addExplain,
  schema: async () => (await import('./config-commands.ts')).addSchema,
  completion: async () => (await import('./completion-command.ts')).addCompletion,
  manual: async () => (await import('./completion-command.ts')).addManual,
};

/** Runs one command line. @returns the exit status */
export async function runCommandLine(args: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const program = await programOf(args[0] ?? '', terminal);
  // A library's timers and sockets do not keep the process alive; a command that has not ended does.
  const hold = setInterval(() => {}, 2 ** 30);
  try {
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    report(error, terminal);
    if (error instanceof CommanderError) return error.exitCode === 0 ? exit.fine : exit.usage;
    return exitStatusOf(error);
  } finally {
    clearInterval(hold);
  }
}

/** The program with the command of this name, or with every command where there is none of that name. */
async function programOf(name: string, terminal: Terminal): Promise<Command> {
  const program = new Command('postern')
    .description('Keeps PHP, FastCGI and CGI programs running and puts them on the web.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    .configureHelp({ styleTitle: (title) => terminal.out.paint('bold', title), showGlobalOptions: false })
    .configureOutput({ writeOut: terminal.out.write, writeErr: () => {}, outputError: () => {} })
    .addHelpText('after', '\nTry: postern serve            the folder you are in, on http://127.0.0.1:8000/');
  const named = Object.hasOwn(commands, name) ? [commands[name]!] : Object.values(commands);
  const whole: WholeProgram = () => programOf('', terminal);
  for (const load of named) (await load())(program, terminal, whole);
  return program;
}

function report(error: unknown, { err }: Terminal): void {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return;
    err.write(`postern: ${usageMessage(error)}\n`);
    return;
  }
  const lines = describeError(error).split('\n');
  const isList = lines.length > 1 && exitStatusOf(error) === exit.config;
  err.write(`${isList ? lines.map((line) => `postern: ${line}`).join('\n') : `postern: ${lines.join('\n')}`}\n`);
}

/** What commander refuses, in one line and without its own words around the reason. */
function usageMessage({ code, message }: CommanderError): string {
  // Without a command commander gives its help.
  if (code === 'commander.help') return 'no command: try postern --help';
  return message
    .replace(/^error: /, '')
    .replace(/^option '(?:-\w, )?(--[\w-]+)[^']*' argument '.*' is invalid\. /s, '$1: ')
    .replace(/^command-argument value '.*' is invalid for argument '.*?'\. /s, '')
    .replaceAll('\n', ' ');
}
