// The gateways of a configuration's sites, each before the pools that its routes name.

import type { Config } from '../config/config.ts';
import { kindOf } from '../config/config-rules.ts';
import { createGateway, type Gateway } from '../gateway/handle.ts';
import type { AccessLog, AccessRecord } from '../gateway/request-log.ts';
import type { Log } from '../log.ts';
import { siteOf } from './site.ts';
import type { Unit } from './unit.ts';

export type { AccessLog, AccessRecord };

/** Makes one gateway a site. @throws CONFIG_INVALID for a proxy that cannot be read */
export function makeGateways(
  config: Config,
  units: ReadonlyMap<string, Pick<Unit, 'backend'>>,
  log: Log,
  accessLog: AccessLog | null,
): ReadonlyMap<string, Gateway> {
  return new Map(
    Object.entries(config.values.site).map(([name, site]) => {
      const targetOf = (pool: string) => ({
        kind: kindOf(config.values.pool[pool]!),
        backend: units.get(pool)!.backend,
      });
      return [name, createGateway({ site: siteOf(name, site, config, targetOf), log, accessLog })];
    }),
  );
}
