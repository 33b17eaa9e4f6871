// Puts together what a service tells of itself at one moment. Pure but for the clock.

import { resolve } from 'node:path';
import type { FaultStatus, LogStatus, ReloadStatus, ServiceStatus } from '../admin/source.ts';
import type { Config } from '../config/config.ts';
import { formatListenAddress, urlOf } from '../config/listen-address.ts';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import type { FrontsShown } from '../sites/fronts.ts';

/** The parts of a service that tell something. */
export interface StatusParts {
  readonly version: string;
  readonly startedAt: number;
  /** null: there is none. */
  readonly launcher: number | null;
  readonly state: ServiceStatus['state'];
  readonly config: Config;
  readonly lastReload: ReloadStatus | null;
  readonly faults: FaultStatus;
  readonly log: LogStatus | null;
  readonly admin: string | null;
  readonly fronts: Pick<FrontsShown, 'listeners' | 'answers' | 'limited' | 'threads'>;
  readonly certificates: ServiceStatus['certificates'];
}

/** The status now. */
export function serviceStatus(parts: StatusParts, pools: readonly PoolSnapshot[]): ServiceStatus {
  const { version, startedAt, state, config, lastReload, faults, log, admin, fronts, certificates } = parts;
  const { listeners, answers, limited, threads } = fronts;
  return {
    version,
    pid: process.pid,
    launcher: parts.launcher,
    startedAt,
    upMs: Date.now() - startedAt,
    state,
    notReady: state === 'running' ? pools.flatMap(({ notReady }) => notReady ?? []) : [state],
    config: config.file,
    lastReload,
    faults,
    log,
    admin,
    listeners: listeners.flatMap(({ sites, address }) =>
      sites.map(({ site, hosts }) => ({
        site,
        hosts,
        address: formatListenAddress(address),
        url: urlOf(address, hosts[0]),
        root: resolve(config.folder, config.values.site[site]?.root ?? '.'),
      })),
    ),
    certificates,
    threads,
    answers,
    limited,
    pools,
  };
}
