// The private directory of one running manager, for its sockets; with it those of managers that died are cleared away.

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
  /** Ends what dead managers left, with several looks at all processes of this system: for when the start is over. Never rejects. Repeatable. */
  clear(): Promise<void>;
  close(): void;
}

/**
 * Makes a directory for this process under `parent`, which is made when missing.
 * @param environmentMark of what this manager starts; null: it has none
 * @throws CONFIG_INVALID when others can write to `parent`
 */
export function openRuntimeDirectory(
  parent: string,
  log: Log = silentLog,
  environmentMark: string | null = null,
): RuntimeDirectory {
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  checkPrivate(parent);
  const dead = readdirSync(parent)
    .filter((name) => name.startsWith(prefix) && isLeft(join(parent, name)))
    .map((name) => join(parent, name));
  const path = freePath(join(parent, `${prefix}${process.pid}`));
  // Complete before it has its name, or another manager that starts now would take it for a dead one's.
  const made = mkdtempSync(join(parent, 'new-'));
  writeMark(join(made, markName), process.pid);
  if (environmentMark !== null) writeEnvironmentMark(made, environmentMark);
  renameSync(made, path);
  let cleared: Promise<void> | null = null;
  return {
    path,
    clear() {
      cleared ??= clearAll(dead, log);
      return cleared;
    },
    close: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** Whether its manager has died. One of another container that shares this folder is not known to be dead. */
function isLeft(directory: string): boolean {
  const mark = join(directory, markName);
  return !existsSync(mark) || isMarkDead(mark);
}

async function clearAll(directories: readonly string[], log: Log): Promise<void> {
  for (const directory of directories) {
    try {
      const { groups, processes } = await clearLeftovers(directory);
      const count = `${groups.length} process groups, ${processes.length} processes with its mark`;
      log.info({ directory, groups, processes }, `cleared what a manager that died left behind (${count})`);
    } catch (error) {
      log.warn({ directory }, `what a manager that died left behind is not cleared: ${(error as Error).message}`);
    }
  }
}

// One process may hold several managers; and one that died may have had this id.
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
