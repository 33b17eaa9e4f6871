// `postern check`: tries a configuration out and says what is wrong and how to mend it.

import type { Command } from 'commander';
import type { Style } from '../admin/paint.ts';
import type { Finding } from '../service/check.ts';
import { exit } from './exit.ts';
import { humanLog } from './human-log.ts';
import { defaultConfigFile } from './run.ts';
import type { Terminal } from './terminal.ts';

/** Adds the command. */
export function addCheck(program: Command, { out, err }: Terminal): void {
  program
    .command('check')
    .description('try a configuration out: start one worker of each pool, make one real request to each site')
    .option('-c, --config <file>', 'the configuration', defaultConfigFile)
    .option('--allow-root', 'as for run')
    .option('--json', 'as JSON')
    .action(async (options: { config: string; allowRoot?: boolean; json?: boolean }) => {
      const { readConfig } = await import('../config/config-file.ts');
      const config = await readConfig(options.config);
      const { checkService } = await import('../service/check.ts');
      const findings = await checkService(config, options.allowRoot ? 'allow' : 'refuse', humanLog(err, 'warn'));
      const all: Finding[] = [{ state: 'ok', subject: 'configuration', message: options.config }, ...findings];
      out.write(options.json ? `${JSON.stringify(all, null, 2)}\n` : formatFindings(all, out.paint));
      if (all.some(({ state }) => state === 'failed')) process.exitCode = exit.failed;
    });
}

const styles: Readonly<Record<Finding['state'], Style>> = { ok: 'green', note: 'yellow', failed: 'red' };

function formatFindings(findings: readonly Finding[], paint: Terminal['out']['paint']): string {
  const width = Math.max(...findings.map(({ subject }) => subject.length));
  return findings
    .map(
      ({ state, subject, message }) =>
        `  ${paint(styles[state], state.padEnd(6))}  ${subject.padEnd(width)}  ${message}\n`,
    )
    .join('');
}
