// `postern run`: the service from a configuration, for servers: JSON log lines, no colours, ended by signals.

import type { Command } from 'commander';
import type { Threads } from '../config/thread-count.ts';
import { threads } from './option-values.ts';
import { configuredAhead, phpAhead } from './php-ahead.ts';
import type { Terminal } from './terminal.ts';

/** Where the configuration is looked for. */
export const defaultConfigFile = 'postern.toml';

/** Adds the command. */
export function addRun(program: Command, _terminal: Terminal): void {
  program
    .command('run')
    .description('run the service that a configuration describes')
    .option('-c, --config <file>', 'the configuration', defaultConfigFile)
    .option(
      '--threads <number>',
      'front threads, in place of what the configuration says: a number, or "auto"',
      threads,
    )
    .option('--allow-root', 'let pools run as root when no user is configured')
    .option(
      '--user <name>',
      'who serves when started as root (default: as configured, or else www-data); "root": all as root',
    )
    .action(async (options: { config: string; threads?: Threads; allowRoot?: boolean; user?: string }) => {
      const [{ examined }, { readAtStart }] = await Promise.all([
        import('../config/config.ts'),
        import('../config/config-apart.ts'),
      ]);
      const read = await readAtStart(options.config);
      const config = examined(read);
      const asRoot = options.allowRoot === true ? 'allow' : 'refuse';
      const { whoServes } = await import('../launcher/who-serves.ts');
      const account = whoServes(options.user ?? config.values.service.user);
      if (config.problems.length > 0) {
        // What else is wrong is told with it, so that one look at the file mends all.
        const { preparePools } = await import('../backend/plan.ts');
        await preparePools(config, { asRoot, embeddedWorkers: null, poolUser: account?.name ?? null });
      }
      if (account !== null) {
        const { runAsRoot } = await import('./run-as-root.ts');
        process.exitCode = await runAsRoot(options.config, read, account, { asRoot, threads: options.threads });
        return;
      }
      const findPhp = phpAhead(configuredAhead(config.values, config.folder));
      const { run } = await import('./running.ts');
      await run({ config, asRoot, findPhp, threads: options.threads });
    });
}
