// The access logs of a service that a program runs: the files that sites name are written here, where no command writes them.

import type { LogStatus } from '../admin/source.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../log.ts';
import { AccessLogs } from '../sites/access-log.ts';
import type { AccessLog } from '../sites/gateways.ts';
import type { ServiceOptions } from './deployment.ts';

export class OwnAccessLogs {
  readonly #log: Log;
  readonly #told: AccessLog | undefined;
  readonly #onChange: ServiceOptions['onChange'];
  #files: AccessLogs | null = null;

  constructor(log: Log, { onAccess, onChange }: ServiceOptions) {
    this.#log = log;
    this.#told = onAccess;
    this.#onChange = onChange;
  }

  /** What the parts of the service are to do with each answer, and before a reload. */
  get options(): Pick<ServiceOptions, 'onAccess' | 'onChange'> {
    return {
      onAccess: (record, thread = 0) => {
        this.#files?.write(record, thread);
        this.#told?.(record, thread);
      },
      onChange: (config) => {
        this.#onChange?.(config);
        this.#files?.use(config);
      },
    };
  }

  /** Where nobody else is told, requests of sites without a file are not even noted. */
  of(config: Config): Config {
    if (this.#told !== undefined) return config;
    const { values } = config;
    return { ...config, values: { ...values, log: { ...values.log, access: false } } };
  }

  /** null: there is no file. */
  get status(): LogStatus | null {
    return this.#files === null || this.#files.destinations.length === 0 ? null : this.#files.status;
  }

  /** @throws CONFIG_INVALID */
  open(config: Config): void {
    this.#files = new AccessLogs(config);
  }

  /** Opens them again by their names. */
  reopen(): void {
    this.#files?.reopen(this.#log);
  }

  /** Repeatable. */
  close(): void {
    this.#files?.close();
  }
}
