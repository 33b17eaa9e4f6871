// `postern run`: the service from a configuration, for servers: JSON log lines, no colours, ended by signals.

import type { Command } from 'commander';
import { readConfig } from '../service/config.ts';
import { openLog } from '../service/log-file.ts';
import { createService } from '../service/service.ts';
import { exit } from './exit.ts';
import { live, StopAsked } from './lifetime.ts';
import type { Terminal } from './terminal.ts';

/** Where the configuration is looked for. */
export const defaultConfigFile = 'postern.toml';

/** Adds the command. */
export function addRun(program: Command, _terminal: Terminal): void {
  program
    .command('run')
    .description('run the service that a configuration describes')
    .option('-c, --config <file>', 'the configuration', defaultConfigFile)
    .option('--allow-root', 'let pools run as root when no user is configured')
    .action(async (options: { config: string; allowRoot?: boolean }) => {
      const config = await readConfig(options.config);
      const { log, access, reopen, flush } = openLog(config.values.log, config.folder);
      // Whatever ends the process: what was gathered is written.
      process.once('exit', flush);
      const stopAsked = new StopAsked();
      const service = createService(config, {
        log,
        asRoot: options.allowRoot === true ? 'allow' : 'refuse',
        onStopAsked: stopAsked.ask,
        ...(config.values.log.access ? { onAccess: access } : {}),
      });
      await service.start();
      const { listeners, admin } = service.status();
      log.info({ config: config.file, listeners, admin }, 'running');
      const onStopping = (running: number): void => log.info({ running }, `stopping: ${running} requests run`);
      const isPeaceful = await live({ service, output: null, reopenLogs: reopen, onStopping }, stopAsked);
      log.info({}, isPeaceful ? 'ended' : 'ended at once by a second signal');
      process.exitCode = isPeaceful ? exit.fine : exit.failed;
    });
}
