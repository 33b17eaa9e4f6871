// The life of what `postern serve` serves for a launcher: without the schema and all else that reads a configuration, which takes long to load.

import type { Privileged } from '../backend/privileged.ts';
import type { Config } from '../config/config.ts';
import type { FindPhp } from '../php/find-php.ts';
import { createService } from '../service/service.ts';
import type { Served } from './serve-preparation.ts';
import { openFrame } from './serving-frame.ts';
import { processTerminal } from './terminal.ts';

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
