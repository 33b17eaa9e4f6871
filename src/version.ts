// The version of this package, from its package.json.

import { readFileSync } from 'node:fs';

const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** "0.1.0" */
export const version = String((manifest as { version: string }).version);
