// What the terminal tells of a service that `postern serve` serves, from its start to its end.

import { dirname, resolve } from 'node:path';
import type { ServiceOptions } from '../service/deployment.ts';
import type { Service } from '../service/service.ts';
import { programUmask } from '../worker/program.ts';
import { formatBanner } from './banner.ts';
import { exit } from './exit-status.ts';
import { accessLine, clockTime, humanLog } from './human-log.ts';
import { live, StopAsked } from './lifetime.ts';
import { beginOpening } from './opening.ts';
import type { Served } from './serve-preparation.ts';
import type { Output, Terminal } from './terminal.ts';

/** How it is served. */
export type HowServed = Pick<Served, 'dir' | 'isDeveloped' | 'embeddedWorkers' | 'threads'> &
  Pick<ServiceOptions, 'asRoot' | 'findPhp' | 'privileged'>;

/** What the terminal shows of a service from its start to its end. */
export function openFrame({ out, err }: Terminal, { dir, embeddedWorkers, ...rest }: HowServed) {
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
