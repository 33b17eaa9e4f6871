// Where the private folders of running services are: one base for each user of this machine. It stands alone since each start
// needs it, and needs nothing of what asks other services.

import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Folders that may hold instances of this user, the one for new instances first. More than one, because a shell may have
 * XDG_RUNTIME_DIR where the service's own start (cron, ssh) had it not.
 */
export function runtimeBases(
  env: Readonly<Record<string, string | undefined>> = process.env,
  uid: number = process.getuid?.() ?? 0,
): string[] {
  if (env.POSTERN_RUNTIME_DIR !== undefined) return [env.POSTERN_RUNTIME_DIR];
  const bases = [join(tmpdir(), `postern-${uid}`)];
  const own = env.XDG_RUNTIME_DIR;
  if (own?.startsWith('/')) bases.unshift(join(own, 'postern'));
  if (process.platform !== 'linux') return bases;
  // The second: made by root for a service of this user that root has started.
  if (uid === 0) bases.unshift('/run/postern');
  else bases.push(`/run/postern-${uid}`);
  return bases;
}
