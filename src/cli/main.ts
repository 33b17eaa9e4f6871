// The `postern` command: reads the command line, runs one command, and turns what it throws into one line and an exit status.

import { Command, CommanderError } from 'commander';
import { version } from '../version.ts';
import { addCheck } from './check.ts';
import { describeError, exitStatusOf } from './exit.ts';
import { addExplain } from './explain.ts';
import { addReload } from './reload.ts';
import { addRequest } from './request.ts';
import { addRun } from './run.ts';
import { addSchema } from './schema.ts';
import { addServe } from './serve.ts';
import { addStatus } from './status.ts';
import { addStop } from './stop.ts';
import { processTerminal, type Terminal } from './terminal.ts';

process.exitCode = await main(process.argv.slice(2), processTerminal());

async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  const program = new Command('postern')
    .description('Keeps PHP, FastCGI and CGI programs running and puts them on the web.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    .configureHelp({ styleTitle: (title) => terminal.out.paint('bold', title), showGlobalOptions: false })
    .configureOutput({ writeOut: terminal.out.write, writeErr: () => {}, outputError: () => {} })
    .addHelpText('after', '\nTry: postern serve            the folder you are in, on http://127.0.0.1:8000/');
  for (const add of [addServe, addRun, addCheck, addStatus, addReload, addStop, addRequest, addExplain, addSchema]) {
    add(program, terminal);
  }
  // A library's timers and sockets do not keep the process alive; a command that has not ended does.
  const hold = setInterval(() => {}, 2 ** 30);
  try {
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    report(error, terminal);
    return exitStatusOf(error);
  } finally {
    clearInterval(hold);
  }
}

function report(error: unknown, { err }: Terminal): void {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return;
    // "error: unknown option '--lisen'\n(Did you mean --listen?)" in one line; without a command commander gives its help.
    const text = error.code === 'commander.help' ? 'no command: try postern --help' : error.message;
    err.write(`postern: ${text.replace(/^error: /, '').replaceAll('\n', ' ')}\n`);
    return;
  }
  const lines = describeError(error).split('\n');
  const isList = lines.length > 1 && exitStatusOf(error) === 78;
  err.write(`${isList ? lines.map((line) => `postern: ${line}`).join('\n') : `postern: ${lines.join('\n')}`}\n`);
}
