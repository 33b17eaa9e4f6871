// `postern check`, `explain` and `schema`: the commands that look at a configuration while nothing runs.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Paint, Style } from '../admin/formatting.ts';
import type { ServiceStatus } from '../admin/source.ts';
import type { Config } from '../config/config.ts';
import { PosternError } from '../errors.ts';
import type { Log, LogFields } from '../log.ts';
import type { Explanation, ExplanationWithReaders } from '../sites/explanation.ts';
import type { Finding } from '../trial/finding.ts';
import { exit, exitStatusOf, UsageError } from './exit-status.ts';
import { humanLog } from './human-log.ts';
import { instanceOf } from './instance-commands.ts';
import { wholeNumber } from './option-values.ts';
import { defaultConfigFile } from './run-command.ts';
import { folderConfig } from './serve-config.ts';
import type { Terminal } from './terminal.ts';

/** Adds the command. */
export function addCheck(program: Command, { out, err }: Terminal): void {
  program
    .command('check')
    .description('try a configuration out: start one worker of each pool, make one real request to each site')
    .option('-c, --config <file>', 'the configuration', defaultConfigFile)
    .option('--allow-root', 'as for run')
    .option('--json', 'as JSON')
    .action(async (options: CheckOptions) => {
      const { findingsOf } = await import('../trial/finding.ts');
      await check(options, { out, err }).catch((error: unknown) => {
        // Who reads JSON has what is wrong with the file in it, too.
        if (options.json && error instanceof PosternError && exitStatusOf(error) === exit.config)
          out.write(asJson(findingsOf(error)));
        throw error;
      });
    });
}

interface CheckOptions {
  readonly config: string;
  readonly allowRoot?: boolean;
  readonly json?: boolean;
}

async function check(options: CheckOptions, { out, err }: Pick<Terminal, 'out' | 'err'>): Promise<void> {
  const { examineConfig } = await import('../config/config-file.ts');
  const config = await examineConfig(options.config);
  const { checkService } = await import('../trial/trial.ts');
  const { checkOutOfReach, whoServes } = await import('../launcher/who-serves.ts');
  const account = whoServes(config.values.service.user);
  if (account !== null) checkOutOfReach(resolve(options.config), account);
  const poolUser = account?.name ?? null;
  const asRoot = options.allowRoot ? 'allow' : 'refuse';
  const findings = await checkService(config, { asRoot, poolUser }, withoutRepeats(humanLog(err, 'warn')));
  const { fine, formatFindings, hasFailed } = await import('../trial/finding.ts');
  const all: Finding[] = [fine('configuration', options.config), ...findings];
  out.write(options.json ? asJson(all) : formatFindings(all, out.paint));
  if (hasFailed(all)) process.exitCode = exit.failed;
}

const asJson = (findings: readonly Finding[]): string => `${JSON.stringify(findings, null, 2)}\n`;

/** A program that fails at its start is tried again: what it says each time is told once. */
function withoutRepeats(log: Log): Log {
  const told = new Set<string>();
  const once =
    (level: keyof Log) =>
    (fields: LogFields, message: string): void => {
      const key = `${level} ${String(fields.pool)} ${message}`;
      if (!told.has(key)) log[level](fields, message);
      told.add(key);
    };
  return { debug: once('debug'), info: once('info'), warn: once('warn'), error: once('error') };
}

/** Adds the command. */
export function addExplain(program: Command, { out }: Terminal): void {
  program
    .command('explain')
    .description('tell which route, script, variables and pool a URL gets, and why; nothing is run')
    .argument('<url>', 'a URL of the site, or its path: /a?b, index.php')
    .option('-c, --config <file>', 'the configuration (default: postern.toml, or else the folder as serve takes it)')
    .option('--running', 'ask the service that runs, by what it has in force')
    .option('--pid <pid>', 'with --running: the service with this process id', wholeNumber)
    .option('--json', 'as JSON')
    .action(async (url: string, options: ExplainOptions) => {
      const wanted = urlOf(url);
      const explanation = options.running ? await askedOf(options, wanted) : await made(options, wanted);
      // Whoever would run it cannot read it: that is no answer but a failure.
      if (explanation.unreadable.length > 0) process.exitCode = exit.failed;
      out.write(options.json ? `${JSON.stringify(explanation, null, 2)}\n` : formatExplanation(explanation, out.paint));
    });
}

interface ExplainOptions {
  readonly config?: string;
  readonly running?: boolean;
  readonly pid?: number;
  readonly json?: boolean;
}

async function made(options: ExplainOptions, url: string): Promise<Told> {
  const { explainRead } = await import('../sites/explanation.ts');
  return { ...(await explainRead(await configOf(options.config, url), url)), now: null };
}

/** By the configuration that the service has in force, which may be older than its file; with what its pool does now. */
async function askedOf(options: ExplainOptions, url: string): Promise<Told> {
  const { socket } = await instanceOf(options);
  const { askExplanation, askStatus } = await import('../control/control.ts');
  const [explained, status] = await Promise.all([
    askExplanation(socket, url) as Promise<ExplanationWithReaders>,
    askStatus(socket),
  ]);
  const now = status.pools.find(({ name }) => name === explained.pool);
  return { ...explained, now: now === undefined ? null : nowOf(now) };
}

function nowOf({ notReady, lanes, workers, counters, governor }: ServiceStatus['pools'][number]): string {
  const busy = lanes.filter(({ state }) => state === 'busy').length;
  const resting = governor === 'ready' ? '' : `; ${governor}`;
  return `${notReady ?? 'ready'}: ${busy} of ${workers} busy, ${counters.waiting} waiting${resting}${holdersOf(lanes)}`;
}

/** Which front thread holds which lanes; empty where there are none, or they hold nothing. */
function holdersOf(lanes: ServiceStatus['pools'][number]['lanes']): string {
  const threads = [...new Set(lanes.map(({ thread }) => thread ?? 0))]
    .filter((thread) => thread > 0)
    .sort((a, b) => a - b);
  const held = threads.map((holder) => {
    const numbers = lanes.filter(({ thread }) => thread === holder).map(({ lane }) => lane);
    return `; thread ${holder} holds ${numbers.length === 1 ? 'lane' : 'lanes'} ${numbers.join(', ')}`;
  });
  return held.join('');
}

/** What was explained. */
type Told = ExplanationWithReaders & {
  /** What the pool does now; null: nothing runs, or nobody was asked. */
  readonly now: string | null;
};

/** A URL as it is; anything else is a path from the top of the site, as a file's name is when it is typed there. */
function urlOf(text: string): string {
  if (/^https?:\/\//i.test(text) && URL.canParse(text)) return text;
  if (/^[^/?#]*:\d+(?:\/|$)/.test(text) && URL.canParse(`http://${text}`)) return `http://${text}`;
  if (text === '' || /^[a-z][a-z0-9+.-]*:\/\//i.test(text))
    throw new UsageError(`"${text}" is not a URL: write one such as http://127.0.0.1:8000/a, or its path, /a`);
  return text.startsWith('/') ? text : `/${text.replace(/^\.\//, '')}`;
}

/** @param url of a folder that has no configuration: `serve` listens where it is told to, or finds room */
async function configOf(file: string | undefined, url: string): Promise<Config> {
  if (file !== undefined || existsSync(defaultConfigFile)) {
    const { readConfig } = await import('../config/config-file.ts');
    return readConfig(file ?? defaultConfigFile);
  }
  const { defineConfig } = await import('../config/define-config.ts');
  const { recognise } = await import('./recognise.ts');
  return defineConfig(
    folderConfig(recognise('.'), { listen: `127.0.0.1:${portOf(url)}`, admin: '127.0.0.1:2020', ini: [] }),
  );
}

const portOf = (url: string): string => (url.startsWith('/') ? '8000' : new URL(url).port || '80');

const outcomeStyles: Readonly<Record<Explanation['outcome'], Style>> = {
  script: 'green',
  application: 'green',
  page: 'green',
  file: 'green',
  redirect: 'cyan',
  proxy: 'green',
  refused: 'red',
};

function formatExplanation(explanation: Told, paint: Paint): string {
  const { url, site, root, outcome, rules, route, pool, file, location, error, why, environment } = explanation;
  const rows: [string, string | null][] = [
    ['url', url],
    ['site', site],
    ['root', root],
    ['outcome', paint(outcomeStyles[outcome], error === null ? outcome : `${outcome}: ${error}`)],
    ['why', why],
    ...rules.map((line, at): [string, string] => [at === 0 ? 'rules' : '', line]),
    ['route', route],
    ['pool', pool],
    ['file', file],
    ...explanation.unreadable.map((message): [string, string] => ['but', paint('red', message)]),
    ['location', location],
    ['now', explanation.now],
    ...explanation.tried.map((line, at): [string, string] => [at === 0 ? 'tried' : '', line]),
  ];
  const lines = rows.flatMap(([name, value]) => (value === null ? [] : [`  ${paint('dim', name.padEnd(9))}${value}`]));
  const names = Object.keys(environment ?? {}).sort();
  const width = Math.max(0, ...names.map((name) => name.length));
  const variables = names.map((name) => `  ${paint('dim', name.padEnd(width))}  ${environment?.[name] ?? ''}`);
  return `${[...lines, ...(variables.length === 0 ? [] : ['', ...variables])].join('\n')}\n`;
}

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
