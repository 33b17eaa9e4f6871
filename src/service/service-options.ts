// What a service can be told besides its configuration.

import type { LogStatus } from '../admin/source.ts';
import type { Log } from '../log.ts';
import type { FindPhp } from '../php/find-php.ts';
import type { AccessLog } from './gateways.ts';
import type { PlanContext } from './plan.ts';

/** Options of `createService`; none is needed. */
export interface ServiceOptions {
  /** @default silentLog */
  readonly log?: Log | undefined;
  /** What to do with a pool that would run as root without leave. @default "refuse" */
  readonly asRoot?: PlanContext['asRoot'] | undefined;
  /** How PHP is looked for: one that was looked for ahead, for instance. @default when a start or a reload needs it */
  readonly findPhp?: FindPhp | undefined;
  /** Workers of embedded PHP at most. @default as configured */
  readonly embeddedWorkers?: number | undefined;
  /** Whether whoever looks at its sites develops them: see `Site.isDeveloped`. @default false */
  readonly isDeveloped?: boolean | undefined;
  /** Folder that holds the private folders of services. @default see `runtimeBases` */
  readonly runtimeBase?: string | undefined;
  /** Told of each answer. @default nobody is */
  readonly onAccess?: AccessLog | undefined;
  /** How the log is written, for the status. @default it does not say */
  readonly logStatus?: (() => LogStatus) | undefined;
  /** Called when the control socket was asked to stop. @default the service closes itself */
  readonly onStopAsked?: (() => void) | undefined;
}
