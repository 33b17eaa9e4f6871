// `postern reload`: asks the running service to read its configuration again.

import type { Command } from 'commander';
import { exit } from './exit.ts';
import { addInstanceOptions, instanceOf } from './instance-options.ts';
import { repeatable } from './option-values.ts';
import type { Terminal } from './terminal.ts';

interface ReloadOptions {
  readonly config?: string;
  readonly pid?: number;
  readonly pool: readonly string[];
  readonly all?: boolean;
  readonly json?: boolean;
}

/** Adds the command. */
export function addReload(program: Command, { out, err }: Terminal): void {
  addInstanceOptions(program.command('reload'))
    .description('have the running service read its configuration again; no request is lost')
    .option('--pool <name>', 'also replace the workers of this pool, changed or not (repeatable)', repeatable, [])
    .option('--all', 'replace the workers of every pool')
    .option('--json', 'as JSON')
    .action(async (options: ReloadOptions) => {
      const { socket, status } = await instanceOf(options);
      // Read here first: the person who typed it sees file and line, and a bad file never reaches the service.
      const { readConfig } = await import('../config/config-file.ts');
      if (status.config !== null) await readConfig(status.config);
      const { askReload } = await import('../service/control.ts');
      const outcome = await askReload(socket, options.all === true ? ['*'] : options.pool);
      if (options.json) out.write(`${JSON.stringify(outcome, null, 2)}\n`);
      else if (outcome.ok) out.write(`${outcome.message}\n`);
      else err.write(`postern: ${outcome.message}\n`);
      if (!outcome.ok) process.exitCode = exit.failed;
    });
}
