// `postern status`: the scoreboard of the running service, in the terminal.

import type { Command } from 'commander';
import { addInstanceOptions, instanceOf } from './instance-options.ts';
import type { Terminal } from './terminal.ts';

/** Adds the command. */
export function addStatus(program: Command, { out }: Terminal): void {
  addInstanceOptions(program.command('status'))
    .description('show every worker of the running service and what it does')
    .option('--json', 'as JSON')
    .action(async (options: { json?: boolean; config?: string; pid?: number }) => {
      const { status } = await instanceOf(options);
      const { formatStatus } = await import('../admin/status-text.ts');
      out.write(options.json ? `${JSON.stringify(status, null, 2)}\n` : formatStatus(status, out));
    });
}
