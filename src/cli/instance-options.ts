// The options by which status, reload and stop are told which running service is meant.

import type { Command } from 'commander';
import type { Instance } from '../service/instances.ts';
import { wholeNumber } from './option-values.ts';

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
  const { chooseInstance, findInstances } = await import('../service/instances.ts');
  return chooseInstance(await findInstances(), { config, pid });
}
