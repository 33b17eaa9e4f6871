// `postern completion SHELL` and `postern manual`: what is made from the command line itself.

import { Argument, type Command } from 'commander';
import { version } from '../version.ts';
import { treeOf } from './command-tree.ts';
import { completionScript, type Shell, shells } from './completion-script.ts';
import { manualPage } from './manual-page.ts';
import type { Terminal } from './terminal.ts';

/** Gives a program with every command, though only one was loaded for this command line. */
export type WholeProgram = () => Promise<Command>;

/** Adds the command. */
export function addCompletion(program: Command, { out }: Terminal, whole: WholeProgram): void {
  program
    .command('completion')
    .description('print what completes this command line in a shell')
    .addArgument(
      new Argument('<shell>', 'which one; the first line of what is printed says how to load it').choices(shells),
    )
    .action(async (shell: Shell) => {
      out.write(completionScript(shell, treeOf(await whole())));
    });
}

/** Adds the command. */
export function addManual(program: Command, { out }: Terminal, whole: WholeProgram): void {
  program
    .command('manual')
    .description('print the manual page, postern.1')
    .action(async () => {
      out.write(manualPage(treeOf(await whole()), version));
    });
}
