// The configuration that `postern serve DIR` means: one site with what was recognised in the folder, one pool, the admin pages.

import type { AuthorityFiles } from '../certificates/local-authority.ts';
import type { ConfigInput } from '../config/config-schema.ts';
import { UsageError } from './exit-status.ts';
import type { Recognised } from './recognise.ts';

/** What the command line said; undefined where it said nothing. */
export interface ServeChoices {
  readonly listen: string;
  readonly admin: string;
  /** The authority that makes its certificates; absent: it is plain HTTP. */
  readonly tls?: AuthorityFiles | undefined;
  readonly php?: string | undefined;
  readonly workers?: number | undefined;
  /** In place of the front controller that was recognised. */
  readonly fallback?: string | undefined;
  /** Settings of PHP, "name=value". */
  readonly ini: readonly string[];
}

/** A file that was just saved is seen: nobody saves and asks within so short a time, and a look for each request costs more than PHP does. */
const seenAtOnce = { pathCache: '100ms' } as const;
/** And run as it is now: opcache would believe for two seconds that it had not changed. */
const savedIsRun = { 'opcache.revalidate_freq': 0 };

/** A folder of files and PHP. */
export function folderConfig(
  { root, preset, fallbacks, deny, ...recognised }: Recognised,
  choices: ServeChoices,
): ConfigInput {
  const fallback = choices.fallback ?? recognised.fallback;
  return {
    admin: { listen: choices.admin },
    site: {
      main: {
        ...listenOf(choices),
        root,
        ...seenAtOnce,
        ...(preset === null ? {} : { preset }),
        ...(fallback === null ? {} : { fallback }),
        route: [
          ...(deny.length === 0 ? [] : [{ match: [...deny], deny: true as const }]),
          ...[...fallbacks].map(([match, script]) => ({ match, pool: 'php', fallback: script })),
          { match: '*.php', pool: 'php' },
        ],
      },
    },
    pool: {
      php: { php: choices.php ?? 'auto', ...workersOf(choices), ini: { ...savedIsRun, ...iniOf(choices.ini) } },
    },
  };
}

/** A TypeScript application, mounted at the top. */
export function appConfig(app: string, folder: string, choices: ServeChoices): ConfigInput {
  return {
    admin: { listen: choices.admin },
    site: { main: { ...listenOf(choices), root: folder, ...seenAtOnce, route: [{ match: '/*', pool: 'app' }] } },
    pool: { app: { app, ...workersOf(choices) } },
  };
}

function listenOf({ listen, tls }: ServeChoices) {
  return tls === undefined ? { listen } : { listen, tls };
}

function workersOf({ workers }: ServeChoices): { workers?: number } {
  return workers === undefined ? {} : { workers };
}

/** @throws UsageError */
function iniOf(settings: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    settings.map((text) => {
      const [name = '', value] = text.split(/=(.*)/s);
      if (name.trim() === '' || value === undefined)
        throw new UsageError(`--ini "${text}": a setting of PHP is "memory_limit=256M"`);
      return [name.trim(), value.trim()];
    }),
  );
}
