// The main of an application: finds how it was started, and does that.

import { absoluteAddress, formatAddress } from '../connection/address.ts';
import { withDefaults } from '../defaults.ts';
import { PosternError, toPosternError } from '../errors.ts';
import type { Log, LogFields } from '../log.ts';
import type { CgiRequest } from '../protocol/cgi/exchange.ts';
import { defaultAppLimits, type RunOptions } from './app-options.ts';
import type { Application } from './application.ts';
import { cgiRequest, startEnvironment } from './cgi-mode.ts';
import { type CommandLine, cliRequest, parseCommandLine, UsageError, usage } from './cli-mode.ts';
import { type FastcgiService, type ServeOptions, serveFastcgi } from './fastcgi-mode.ts';
import { Instance } from './instance.ts';
import { type HeadForm, ProcessSink } from './process-sink.ts';
import { isServingThread, onUncaughtError, serveThread } from './serving-thread.ts';
import { decideStart, isListeningSocket, type Start } from './start-mode.ts';
import { serveThreads, type ThreadsOptions } from './threads-mode.ts';

const FAILED = 1;
const WRONG_USAGE = 2;

const noCommandLine: CommandLine = parseCommandLine([]);

/** Applications that run already, so that a file may call `run` and export its application too. */
const runs = new WeakMap<Application, Promise<number>>();

/**
 * Runs an application in the mode it was started for, once, and ends the process when that is over (`exit: false` leaves it).
 * @returns the exit status: 0 fine, 1 failed (or, from a shell, an answer of 400 and above), 2 wrong usage
 */
export function run(app: Application, options: RunOptions = {}): Promise<number> {
  const running = runs.get(app) ?? runOnce(app, options);
  runs.set(app, running);
  return running;
}

async function runOnce(app: Application, options: RunOptions): Promise<number> {
  const log = options.log ?? stderrLog;
  if (isServingThread()) {
    await serveThread(app, serveOptions(options, log));
    return 0;
  }
  const status = await main(app, options, log);
  if (options.exit !== false) process.exit(status);
  return status;
}

async function main(app: Application, options: RunOptions, log: Log): Promise<number> {
  const isListening = await isListeningSocket(0);
  // A web server's arguments are not ours to judge, and a query string never becomes one (RFC 3875, section 4.4).
  const isSpawned = isListening || process.env.GATEWAY_INTERFACE !== undefined;
  let line: CommandLine = noCommandLine;
  try {
    if (!isSpawned) line = parseCommandLine(process.argv.slice(2));
  } catch (thrown) {
    // parseArgs goes on with advice that no application's option is in need of.
    process.stderr.write(`${(thrown as Error).message.replace(/\. To specify .*/s, '')}\n\n${usage}`);
    return WRONG_USAGE;
  }
  if (line.isHelpAsked) {
    process.stdout.write(usage);
    return 0;
  }
  const threads = line.threads ?? threadsOf(process.env.POSTERN_THREADS) ?? options.threads ?? 1;
  try {
    const start = startOf(isListening, line, options.listen, threads);
    if (start.mode === 'fastcgi' || start.mode === 'threads') return await serve(app, start, threads, options, log);
    if (start.mode === 'cgi') {
      return await once(
        app,
        'cgi',
        cgiRequest(startEnvironment(), () => process.stdin),
        'cgi',
        options,
        log,
      );
    }
    const request = await cliRequest(line, () => process.stdin);
    return await once(app, 'cli', request, line.isHeadPrinted ? 'http' : 'none', options, log);
  } catch (thrown) {
    if (thrown instanceof UsageError) {
      process.stderr.write(`${thrown.message}\n`);
      return WRONG_USAGE;
    }
    const { code, message, cause } = toPosternError(thrown);
    // Where a module, or anything else of the application, threw: its stack is what there is to go by.
    const isItsOwn = code === 'PROGRAM_NOT_STARTED' || code === 'INTERNAL';
    log.error(isItsOwn && cause instanceof Error ? { error: cause } : {}, message);
    return FAILED;
  }
}

/** @throws UsageError for an address that is none */
function startOf(isListening: boolean, line: CommandLine, ownListen: string | undefined, threads: number): Start {
  const { env: environment, pid } = process;
  const given = line.listen ?? ownListen;
  const listen = given === undefined ? undefined : absoluteAddress(given, process.cwd());
  try {
    return decideStart({ environment, pid, isListening, listen, threads, hasRequest: line.target !== null });
  } catch (error) {
    throw new UsageError(`${line.listen === undefined ? 'listen' : '--listen'}: ${(error as Error).message}`);
  }
}

/** One request, from start to end. */
async function once(
  app: Application,
  mode: 'cli' | 'cgi',
  request: CgiRequest,
  form: HeadForm,
  options: RunOptions,
  log: Log,
): Promise<number> {
  const instance = await Instance.start(app, { mode, limits: options.limits, log });
  const sink = new ProcessSink(process.stdout, process.stderr, form);
  sink.attach(instance.run(request, sink));
  const lose = (): void => sink.lose(new PosternError('ABORTED', 'a signal ended the request'));
  process.once('SIGTERM', lose).once('SIGINT', lose);
  const { status, error } = await sink.done;
  await instance.close();
  return mode === 'cli' && (error !== null || status >= 400) ? FAILED : 0;
}

/** Requests until a signal says stop, or an error that nobody caught: then what runs may finish all the same. */
async function serve(
  app: Application,
  start: Start & { readonly mode: 'fastcgi' | 'threads' },
  threads: number,
  options: RunOptions,
  log: Log,
): Promise<number> {
  const stopped = stopSignal();
  const crashed = Promise.withResolvers<number>();
  const onCrash = (message: string, error: Error | null): void => {
    log.error(error === null ? {} : { error }, `${message}: what runs may finish, then the process ends`);
    crashed.resolve(FAILED);
  };
  const service = await open(app, start, threads, options, log, onCrash);
  let halting: Promise<boolean> | null = null;
  // The mark of Postern's own process manager: it has run elsewhere what is refused.
  const isManaged = process.env.POSTERN_MARK !== undefined;
  onUncaughtError((error) => {
    onCrash('an error was not caught', error);
    halting ??= service.halt(isManaged);
  });
  // Who was handed a socket has nothing to tell: its standard error is a web server's log.
  const isInherited = start.where.some((where) => 'fd' in where);
  if (!isInherited) for (const address of service.addresses) log.info({}, `listening on ${formatAddress(address)}`);
  const status = await Promise.race([stopped, crashed.promise]);
  if (halting === null) {
    await service.close();
    return status;
  }
  const isWhole = await halting;
  // To that, exit 0 says that no request was lost: what came meanwhile was not begun.
  return isWhole && isManaged ? 0 : FAILED;
}

async function open(
  app: Application,
  start: Start & { readonly mode: 'fastcgi' | 'threads' },
  threads: number,
  options: RunOptions,
  log: Log,
  onCrash: ThreadsOptions['onCrash'],
): Promise<FastcgiService> {
  if (start.mode === 'threads') {
    return serveThreads(app, start.where, {
      count: threads,
      entry: options.entry ?? process.argv[1]!,
      parameters: [...(options.entryArguments ?? []), ...process.argv.slice(2)],
      limits: withDefaults(defaultAppLimits, options.limits),
      log,
      onCrash,
    });
  }
  const instance = await Instance.start(app, { mode: 'fastcgi', limits: options.limits, log });
  const places = start.where.map((where) => ({ where, isShared: false }));
  try {
    return await serveFastcgi(instance, places, serveOptions(options, log));
  } catch (thrown) {
    await instance.close();
    throw thrown;
  }
}

/**
 * Resolves at the first SIGTERM, SIGINT or SIGUSR1 (mod_fastcgi's word for a graceful stop; Node would open its inspector). A
 * second one ends the process at once.
 */
function stopSignal(): Promise<number> {
  return new Promise((resolve) => {
    let isStopping = false;
    const stop = (): void => {
      if (isStopping) process.exit(FAILED);
      isStopping = true;
      resolve(0);
    };
    process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGUSR1', stop);
  });
}

/** Threads from the environment, by which a process manager asks for them; undefined where it does not. */
function threadsOf(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,2}$/.test(text) ? Number(text) : undefined;
}

function serveOptions(options: RunOptions, log: Log): ServeOptions {
  const stopTimeoutMs = options.limits?.stopTimeoutMs ?? defaultAppLimits.stopTimeoutMs;
  return { ...options, log, stopTimeoutMs, environment: process.env };
}

/** The log of a program that was given no other: writes information, warnings and errors to standard error. */
const stderrLog: Log = {
  debug: () => {},
  info: writeLine,
  warn: writeLine,
  error: writeLine,
};

function writeLine(fields: LogFields, message: string): void {
  const error = fields.error instanceof Error ? `\n${fields.error.stack}` : '';
  process.stderr.write(`${message}${error}\n`);
}
