// `postern run`: the service from a configuration, for servers: JSON log lines, no colours, ended by signals.

import type { Command } from 'commander';
import { exit } from './exit-status.ts';
import { type Threads, threads } from './option-values.ts';
import { phpAhead } from './php-ahead.ts';
import type { Terminal } from './terminal.ts';

/** Where the configuration is looked for. */
export const defaultConfigFile = 'postern.toml';

/** Where neither the command line nor the configuration says. */
const defaultThreads: Threads = 1;

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
    .action(async (options: { config: string; threads?: Threads; allowRoot?: boolean }) => {
      const { examineConfig } = await import('../config/config-file.ts');
      const config = await examineConfig(options.config);
      const asRoot = options.allowRoot === true ? 'allow' : 'refuse';
      if (config.problems.length > 0) {
        // What else is wrong is told with it, so that one look at the file mends all.
        const { preparePools } = await import('../service/plan.ts');
        await preparePools(config, { asRoot, embeddedWorkers: null });
      }
      const wanted = Object.values(config.values.pool).flatMap((pool) => (pool.kind === 'php' ? pool.php : []));
      const findPhp = phpAhead(wanted, config.folder);
      const { openLog } = await import('./log-file.ts');
      const { createService } = await import('../service/service.ts');
      const { live, StopAsked } = await import('./lifetime.ts');
      const { log, access, accessLines, reopen, change, status: logStatus, close } = openLog(config);
      // Whatever ends the process: what was gathered is written.
      process.once('exit', close);
      const stopAsked = new StopAsked();
      const service = createService(config, {
        log,
        logStatus,
        findPhp,
        asRoot,
        threads: options.threads ?? config.values.service.threads ?? defaultThreads,
        onStopAsked: stopAsked.ask,
        onChange: change,
        onAccess: access,
        onAccessLines: accessLines,
      });
      const onStopping = (running: number): void => log.info({ running }, `stopping: ${running} requests run`);
      // Before the start: a signal that comes while workers start would end this process, and leave them behind.
      const ended = live({ service, output: null, reopenLogs: reopen, onStopping }, stopAsked);
      await service.start();
      const { state, listeners, admin } = service.status();
      if (state === 'running') log.info({ service: process.pid, config: config.file, listeners, admin }, 'running');
      for (const { name, warnings } of service.plans) for (const warning of warnings) log.warn({ pool: name }, warning);
      const { unreadableRoots } = await import('../service/readable.ts');
      for (const { site, message } of await unreadableRoots(config)) log.warn({ site }, message);
      const isPeaceful = await ended;
      log.info({}, isPeaceful ? 'ended' : 'ended at once by a second signal');
      // At once is now, though something should still be on its way.
      if (!isPeaceful) process.exit(exit.failed);
    });
}
