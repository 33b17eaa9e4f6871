// `postern schema`: prints the JSON Schema of the configuration, for editors.

import type { Command } from 'commander';
import type { Terminal } from './terminal.ts';

/** Adds the command. */
export function addSchema(program: Command, { out }: Terminal): void {
  program
    .command('schema')
    .description('print the JSON Schema of the configuration, for editors')
    .action(async () => {
      const { configJsonSchema } = await import('../config/config-schema.ts');
      out.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    });
}
