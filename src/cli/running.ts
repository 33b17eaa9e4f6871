// The life of what `postern run` runs: the service, its log, and what both say at start and end.

import { flushCompileCache } from 'node:module';
import type { PlanContext } from '../backend/plan.ts';
import type { Privileged } from '../backend/privileged.ts';
import type { Config } from '../config/config.ts';
import { defaultThreads, type Threads } from '../config/thread-count.ts';
import type { FindPhp } from '../php/find-php.ts';
import { createService } from '../service/service.ts';
import { programUmask } from '../worker/program.ts';
import { exit } from './exit-status.ts';
import { live, StopAsked } from './lifetime.ts';
import { openLog } from './log-file.ts';

/** What is run. */
export interface Running {
  readonly config: Config;
  readonly asRoot: PlanContext['asRoot'];
  /** Front threads, in place of what the configuration says. */
  readonly threads?: Threads | undefined;
  /** PHP that is being looked for already. */
  readonly findPhp?: FindPhp | undefined;
  /** Does what takes rights. @default this process */
  readonly privileged?: Privileged | undefined;
  /** Told once it serves. */
  readonly onServing?: (() => void) | undefined;
  /** Process id of the launcher, to be told. */
  readonly launcher?: number | undefined;
  /** Where the log goes in place of what the configuration says: to whoever writes it for us. */
  readonly logTo?: 'stdout' | undefined;
}

/** Runs it until a signal or the control socket ends it. @throws ADDRESS_IN_USE, CONFIG_INVALID */
export async function run(running: Running): Promise<void> {
  const { config, asRoot, threads, findPhp, privileged, onServing, launcher, logTo } = running;
  const { log, access, accessLines, reopen, change, status: logStatus, close } = openLog(config, logTo);
  // Whatever ends the process: what was gathered is written.
  process.once('exit', close);
  process.umask(programUmask);
  const stopAsked = new StopAsked();
  const service = createService(config, {
    log,
    logStatus,
    findPhp,
    asRoot,
    privileged,
    ownsProcess: true,
    threads: threads ?? config.values.service.threads ?? defaultThreads,
    onStopAsked: stopAsked.ask,
    onChange: change,
    onAccess: access,
    onAccessLines: accessLines,
  });
  const onStopping = (running: number): void => log.info({ running }, `stopping: ${running} requests run`);
  // Before the start: a signal that comes while workers start would end this process, and leave them behind.
  const ended = live({ service, output: null, reopenLogs: reopen, onStopping }, stopAsked);
  await service.start();
  const { state, listeners, admin } = await service.gatherStatus('none');
  if (state === 'running') {
    const who = launcher === undefined ? {} : { launcher };
    log.info({ service: process.pid, ...who, config: config.file, listeners, admin }, 'running');
    onServing?.();
    // At its end would be too late where it is killed: the next start would compile everything once more.
    flushCompileCache();
  }
  for (const { name, warnings } of service.plans) for (const warning of warnings) log.warn({ pool: name }, warning);
  const { unreadableRoots } = await import('../trial/readable.ts');
  for (const { site, message } of await unreadableRoots(config)) log.warn({ site }, message);
  const isPeaceful = await ended;
  log.info({}, isPeaceful ? 'ended' : 'ended at once by a second signal');
  // At once is now, though something should still be on its way.
  if (!isPeaceful) process.exit(exit.failed);
}
