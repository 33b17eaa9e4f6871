// The configuration that `postern serve DIR` means: one site with what was recognised in the folder, one pool, the admin pages.

import type { ConfigInput } from '../config/config-schema.ts';
import type { Recognised } from './recognise.ts';

/** What the command line said; undefined where it said nothing. */
export interface ServeChoices {
  readonly listen: string;
  readonly admin: string;
  readonly php?: string | undefined;
  readonly workers?: number | undefined;
}

/** A folder of files and PHP. */
export function folderConfig({ root, fallback, deny }: Recognised, choices: ServeChoices): ConfigInput {
  return {
    admin: { listen: choices.admin },
    site: {
      main: {
        listen: choices.listen,
        root,
        ...(fallback === null ? {} : { fallback }),
        route: [
          ...(deny.length === 0 ? [] : [{ match: [...deny], deny: true as const }]),
          { match: '*.php', pool: 'php' },
        ],
      },
    },
    pool: { php: { php: choices.php ?? 'auto', ...workersOf(choices) } },
  };
}

/** A TypeScript application, mounted at the top. */
export function appConfig(app: string, folder: string, choices: ServeChoices): ConfigInput {
  return {
    admin: { listen: choices.admin },
    site: { main: { listen: choices.listen, root: folder, route: [{ match: '/*', pool: 'app' }] } },
    pool: { app: { app, ...workersOf(choices) } },
  };
}

function workersOf({ workers }: ServeChoices): { workers?: number } {
  return workers === undefined ? {} : { workers };
}
