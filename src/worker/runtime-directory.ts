// The private directory of one running manager, for its sockets; opening one clears away those of managers that died.

import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PosternError } from '../errors.ts';
import { type Log, silentLog } from '../log.ts';
import { clearLeftovers, isMarkDead, writeEnvironmentMark, writeMark } from './orphans.ts';

const prefix = 'manager-';
const markName = 'manager';

/** A directory that nobody else can enter; gone after `close()`, which is repeatable. */
export interface RuntimeDirectory {
  readonly path: string;
  close(): void;
}

/**
 * Makes a directory for this process under `parent`, which is made when missing, and ends what dead managers left there.
 * @param environmentMark of what this manager starts; null: it has none
 * @throws CONFIG_INVALID when others can write to `parent`
 */
export async function openRuntimeDirectory(
  parent: string,
  log: Log = silentLog,
  environmentMark: string | null = null,
): Promise<RuntimeDirectory> {
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  checkPrivate(parent);
  for (const name of readdirSync(parent).filter((entry) => entry.startsWith(prefix))) {
    const directory = join(parent, name);
    const mark = join(directory, markName);
    // One of another container that shares this folder is not known to be dead.
    if (existsSync(mark) && !isMarkDead(mark)) continue;
    const { groups, processes } = await clearLeftovers(directory);
    const count = `${groups.length} process groups, ${processes.length} processes with its mark`;
    log.info({ directory, groups, processes }, `cleared what a manager that died left behind (${count})`);
  }
  const path = freePath(join(parent, `${prefix}${process.pid}`));
  // Complete before it has its name, or another manager that starts now would take it for a dead one's.
  const made = mkdtempSync(join(parent, 'new-'));
  writeMark(join(made, markName), process.pid);
  if (environmentMark !== null) writeEnvironmentMark(made, environmentMark);
  renameSync(made, path);
  return { path, close: () => rmSync(path, { recursive: true, force: true }) };
}

// One process may hold several managers. What has the name is one of them: those of the dead were cleared.
function freePath(first: string): string {
  for (let path = first, count = 2; ; path = `${first}-${count}`, count += 1) if (!existsSync(path)) return path;
}

// Whoever can write there could put a socket of his own in the place of a worker's.
function checkPrivate(directory: string): void {
  const stat = lstatSync(directory);
  const uid = process.getuid?.() ?? stat.uid;
  if (stat.isDirectory() && stat.uid === uid && (stat.mode & 0o022) === 0) return;
  throw new PosternError(
    'CONFIG_INVALID',
    `${directory} is not a directory that only user ${uid} can write to: remove it, or choose another`,
  );
}
