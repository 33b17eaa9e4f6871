// What Postern's parts need of a logger: the part of pino's interface they call. A library never prints by itself.

/** Values that go with a message, by name. Never credentials (see `SECURITY.md`). */
export type LogFields = Record<string, unknown>;

/** A logger; pino's loggers are ones. */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

const nothing = (): void => {};

/** Says nothing: the default of every part that takes a logger. */
export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
