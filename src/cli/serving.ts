// The life of what `postern serve` serves: the service, and what is told of it.

import { dirname, resolve } from 'node:path';
import type { Privileged } from '../backend/privileged.ts';
import type { Config } from '../config/config.ts';
import type { FindPhp } from '../php/find-php.ts';
import type { ServiceOptions } from '../service/deployment.ts';
import { createService, type Service } from '../service/service.ts';
import { programUmask } from '../worker/program.ts';
import { formatBanner } from './banner.ts';
import { exit } from './exit-status.ts';
import { accessLine, clockTime, humanLog } from './human-log.ts';
import { live, StopAsked } from './lifetime.ts';
import { beginOpening } from './opening.ts';
import { startFree } from './serve-addresses.ts';
import type { ServeOptions } from './serve-command.ts';
import { prepare, type Served, servedWith } from './serve-preparation.ts';
import { type Output, processTerminal, type Terminal } from './terminal.ts';

/** What is to be served. */
export interface Serving {
  readonly dir: string | undefined;
  readonly options: ServeOptions;
  /** To be said besides what is found out; null: nothing. */
  readonly note: string | null;
  /** PHP that is being looked for already; null: it is not. */
  readonly findPhp: FindPhp | null;
  readonly terminal: Terminal;
}

/** Serves until a signal or `postern stop` ends it. */
export async function serve({ dir, options, note, findPhp, terminal }: Serving): Promise<void> {
  const how: HowServed = { ...servedWith(dir, options), asRoot: 'warn', ...(findPhp === null ? {} : { findPhp }) };
  const frame = openFrame(terminal, how);
  const { service, prepared } = await startFree(options, async (addresses) => {
    const found = await prepare(dir, options, addresses);
    const made = createService(found.config, frame.serviceOptions);
    await made.start();
    return { service: made, prepared: found };
  }).catch(frame.failed);
  const notes = [...prepared.notes, ...(note === null ? [] : [note])];
  await frame.live(service, { ...prepared, notes });
}

/** What is served for a launcher. */
interface LaunchedServing {
  readonly config: Config;
  readonly served: Served;
  readonly findPhp: FindPhp;
  readonly privileged: Privileged;
  /** Told once it serves. */
  readonly onServing: () => void;
}

/** Serves what the launcher says. */
export async function serveLaunched({
  config,
  served,
  findPhp,
  privileged,
  onServing,
}: LaunchedServing): Promise<void> {
  const frame = openFrame(processTerminal(), { ...served, asRoot: 'refuse', findPhp, privileged });
  const service = createService(config, frame.serviceOptions);
  await service.start().catch(frame.failed);
  onServing();
  await frame.live(service, served);
}

/** How it is served. */
type HowServed = Pick<Served, 'dir' | 'isDeveloped' | 'embeddedWorkers' | 'threads'> &
  Pick<ServiceOptions, 'asRoot' | 'findPhp' | 'privileged'>;

/** What the terminal shows of a service from its start to its end. */
function openFrame({ out, err }: Terminal, { dir, embeddedWorkers, ...rest }: HowServed) {
  process.umask(programUmask);
  const stopAsked = new StopAsked();
  const opening = beginOpening(out);
  const serviceOptions: ServiceOptions = {
    ...rest,
    ownsProcess: true,
    log: humanLog(err, 'warn'),
    ...(embeddedWorkers === null ? {} : { embeddedWorkers }),
    onAccess: (access) => opening.write(`${accessLine(access, out.paint)}\n`),
    onStopAsked: stopAsked.ask,
  };
  return {
    serviceOptions,
    failed: (error: unknown): never => {
      opening.end('');
      throw error;
    },
    async live(service: Service, { what, notes }: Pick<Served, 'what' | 'notes'>): Promise<void> {
      opening.end(formatBanner({ status: service.status(), plans: service.plans, what, notes }, out.paint, out.width));
      const stopWatching = what === 'application' ? await startAnewWhenChanged(service, dir, out) : () => {};
      const isPeaceful = await live({ service, output: out, reopenLogs: () => {} }, stopAsked);
      stopWatching();
      process.exitCode = isPeaceful ? exit.fine : exit.failed;
    },
  };
}

/** An application keeps its code in memory: with its files it is started anew, and goes on as it was where that fails. */
async function startAnewWhenChanged(service: Service, app: string | undefined, out: Output): Promise<() => void> {
  const { watchFiles } = await import('./watching.ts');
  return watchFiles(dirname(resolve(app ?? '.')), (name) => {
    // What goes wrong is in the log.
    void service.reload(['*']).then(({ ok }) => {
      if (ok) out.write(`${out.paint('dim', clockTime())}  ${name} changed: the application was started anew\n`);
    });
  });
}
