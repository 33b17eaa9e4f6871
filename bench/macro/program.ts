// Where an installed program is: PATH and the system's sbin folders, versioned names too.

import { accessSync, constants, existsSync, readdirSync } from 'node:fs';

/** Where programs are looked for. */
export const searchPath = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'].filter(
  (folder) => folder !== '',
);

/** The absolute path of the program `name`, or of its newest versioned one (`php-fpm8.2` for `php-fpm`); null: not installed. */
export function findProgram(name: string): string | null {
  for (const folder of searchPath) {
    const path = `${folder}/${name}`;
    if (isExecutable(path)) return path;
  }
  const versioned = searchPath.flatMap((folder) => versionsIn(folder, name));
  return versioned.find(isExecutable) ?? null;
}

/** The absolute path of the program `name`. Throws when it is not installed. */
export function programPath(name: string): string {
  const path = findProgram(name);
  if (path === null) throw new Error(`${name} is not installed: run bench/install-peers.sh`);
  return path;
}

/** Which of `needs` (program names, or absolute paths of files) are not on this machine. */
export function missingOf(needs: readonly string[]): string[] {
  return needs.filter((need) => (need.startsWith('/') ? !existsSync(need) : findProgram(need) === null));
}

function versionsIn(folder: string, name: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((entry) => entry.startsWith(name) && /^[\d.]+$/.test(entry.slice(name.length)))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((entry) => `${folder}/${entry}`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
