// `postern status`, `reload` and `stop`: the commands that ask a service that runs, and how they are told which one is meant.

import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import type { ServiceStatus } from '../admin/source.ts';
import type { Instance } from '../control/instances.ts';
import { PosternError } from '../errors.ts';
import { exit, UsageError } from './exit-status.ts';
import { repeatable, seconds, wholeNumber } from './option-values.ts';
import type { Output, Terminal } from './terminal.ts';

interface InstanceOptions {
  readonly config?: string;
  readonly pid?: number;
}

/** Adds -c and --pid. */
export function addInstanceOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'the service that was started with this configuration')
    .option('--pid <pid>', 'the service with this process id', wholeNumber);
}

/**
 * The service that the options mean.
 * @throws NOT_RUNNING
 */
export async function instanceOf({ config, pid }: InstanceOptions): Promise<Instance> {
  const { chooseInstance, findInstances } = await import('../control/instances.ts');
  return chooseInstance(await findInstances(), { config, pid });
}

interface StatusOptions extends InstanceOptions {
  readonly json?: boolean;
  readonly watch?: boolean;
  readonly interval: number;
}

/** Adds the command. */
export function addStatus(program: Command, { out }: Terminal): void {
  addInstanceOptions(program.command('status'))
    .description('show every worker of the running service and what it does')
    .option('--json', 'as JSON; with --watch a line for each look')
    .option('-w, --watch', 'go on showing it, with keys to sort, filter and pause')
    .option('--interval <seconds>', 'how often --watch looks', seconds, 1)
    .action((options: StatusOptions) => (options.watch ? watch(options, out) : showOnce(options, out)));
}

/** Adds the command. */
export function addTop(program: Command, { out }: Terminal): void {
  addInstanceOptions(program.command('top'))
    .description('the same as status --watch')
    .option('--json', 'a line of JSON for each look')
    .option('--interval <seconds>', 'how often it looks', seconds, 1)
    .action((options: StatusOptions) => watch(options, out));
}

async function showOnce(options: StatusOptions, out: Output): Promise<void> {
  const { socket } = await instanceOf(options);
  const { askStatus } = await import('../control/control.ts');
  const status = await askStatus(socket);
  const { formatStatus } = await import('../admin/status-text.ts');
  out.write(options.json ? `${JSON.stringify(status, null, 2)}\n` : formatStatus(status, out));
}

/** Until a key, a signal, or whoever reads it ends it. */
async function watch(options: StatusOptions, out: Output): Promise<void> {
  if (options.json !== true && !(out.isTerminal && process.stdin.isTTY))
    throw new UsageError('--watch draws on a terminal, and this is none: add --json for a line of JSON for each look');
  const { askStatus } = await import('../control/control.ts');
  const { socket } = await instanceOf(options);
  const look = (): Promise<ServiceStatus> =>
    askStatus(socket, 2_000).catch(async () => askStatus((await instanceOf(options)).socket, 2_000));
  const watched = { first: await look(), look, intervalMs: options.interval * 1000 };
  const { watchAsJson, watchOnScreen } = await import('./status-watch.ts');
  if (options.json) return watchAsJson(watched, out);
  const signal = await watchOnScreen(watched, out.paint);
  // As whoever waits for us expects it: ended by that signal.
  if (signal !== null) process.kill(process.pid, signal);
}

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
      const { askReload } = await import('../control/control.ts');
      const outcome = await askReload(socket, options.all === true ? ['*'] : options.pool);
      // The person who typed it sees file and line of what is wrong with the file, as `run` tells it.
      const refusal = outcome.ok || status.config === null ? null : await refusalOf(status.config);
      if (options.json) {
        const { message } = refusal ?? outcome;
        const problems = outcome.ok ? [] : message.split('\n');
        out.write(`${JSON.stringify({ ...outcome, message, problems }, null, 2)}\n`);
      }
      if (refusal !== null) throw refusal;
      if (options.json !== true && outcome.ok) out.write(`${outcome.message}\n`);
      else if (options.json !== true)
        err.write(
          outcome.message
            .split('\n')
            .map((line) => `postern: ${line}\n`)
            .join(''),
        );
      if (!outcome.ok) process.exitCode = exit.failed;
    });
}

/** What is wrong with a file; null: nothing, read by itself. */
async function refusalOf(file: string): Promise<Error | null> {
  const { readConfig } = await import('../config/config-file.ts');
  return readConfig(file).then(
    () => null,
    (error: Error) => error,
  );
}

/** Adds the command. */
export function addStop(program: Command, { out }: Terminal): void {
  addInstanceOptions(program.command('stop'))
    .description('have the running service finish its requests and end')
    .action(async (options: { config?: string; pid?: number }) => {
      const { socket, status } = await instanceOf(options);
      const { askStop } = await import('../control/control.ts');
      await askStop(socket);
      await gone(socket, 120_000);
      out.write(`the service with pid ${status.pid} has ended\n`);
    });
}

/** Waits until nobody answers on the control socket. */
async function gone(socket: string, limitMs: number): Promise<void> {
  const { askStatus } = await import('../control/control.ts');
  for (let waitedMs = 0; waitedMs < limitMs; waitedMs += 50) {
    const isThere = await askStatus(socket, 2_000).then(
      () => true,
      () => false,
    );
    if (!isThere) return;
    await wait(50);
  }
  throw new PosternError('NOT_RUNNING', `the service is still stopping after ${limitMs / 1000} s: see postern status`);
}
