// A configuration on its way from one process to another: JSON.

import type { ReadConfig } from './config.ts';

/** What was read, as JSON can carry it. */
export type SentConfig = Omit<ReadConfig, 'origin'> & {
  readonly origin: Omit<ReadConfig['origin'], 'lines'> & { readonly lines: readonly (readonly [string, number])[] };
};

export function sentConfig({ origin, ...read }: ReadConfig): SentConfig {
  return { ...read, origin: { ...origin, lines: [...origin.lines] } };
}

/** What was sent. */
export function receivedConfig({ origin, ...read }: SentConfig): ReadConfig {
  return { ...read, origin: { ...origin, lines: new Map(origin.lines) } };
}
