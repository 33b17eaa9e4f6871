// The life of what `postern serve` serves where no launcher is needed.

import type { FindPhp } from '../php/find-php.ts';
import { createService } from '../service/service.ts';
import { startFree } from './serve-addresses.ts';
import type { ServeOptions } from './serve-command.ts';
import { prepare, servedWith } from './serve-preparation.ts';
import { type HowServed, openFrame } from './serving-frame.ts';
import type { Terminal } from './terminal.ts';

/** What is to be served. */
export interface Serving {
  readonly dir: string | undefined;
  readonly options: ServeOptions;
  /** To be said besides what is found out; null: nothing. */
  readonly note: string | null;
  /** PHP that is being looked for already. */
  readonly findPhp: FindPhp;
  readonly terminal: Terminal;
}

/** Serves until a signal or `postern stop` ends it. */
export async function serve({ dir, options, note, findPhp, terminal }: Serving): Promise<void> {
  const how: HowServed = { ...servedWith(dir, options), asRoot: 'warn', findPhp };
  const frame = openFrame(terminal, how);
  const { service, prepared } = await startFree(options, async (addresses) => {
    const found = await prepare(dir, options, addresses);
    const made = createService(found.config, frame.serviceOptions);
    await made.start();
    return { service: made, prepared: found };
  }).catch(frame.failed);
  const notes = [...prepared.notes, ...(note === null ? [] : [note])];
  await frame.live(service, { ...prepared, notes });
}
