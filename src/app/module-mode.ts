// An application inside the process of a gateway, as a Backend.

import type { Log } from '../log.ts';
import type { Application } from './application.ts';
import { Instance } from './instance.ts';
import type { AppLimits } from './limits.ts';

/** Options of `embed`. */
export interface EmbedOptions {
  /** As logs call it. @default "app" */
  readonly name?: string;
  readonly limits?: Partial<AppLimits>;
  readonly log?: Log;
}

/**
 * Starts an application in this process. `run` of what it returns takes requests; `close()` ends it.
 * @throws PROGRAM_NOT_STARTED with the name of the module that failed
 */
export function embed(app: Application, options: EmbedOptions = {}): Promise<Instance> {
  return Instance.start(app, { ...options, mode: 'module' });
}
