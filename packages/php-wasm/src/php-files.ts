// What embedded PHP finds on disk: its php.ini, the folders that it shares with others of its user, and those of this machine.

import { lstatSync, mkdirSync, mkdtempSync, readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PHP } from '@php-wasm/universal';
import { ownPrepend, preludeSettings } from './prelude.ts';

/** Where PHP looks for its php.ini, inside its own file system. */
export const phpIniPath = '/internal/shared/php.ini';

/** Folders that PHP writes to. */
export interface PhpFolders {
  readonly sessions: string;
  readonly uploads: string;
}

/** Folders of the root that PHP's own file system has, or that would mean nothing there. */
const ownFolders = new Set(['dev', 'proc', 'sys', 'internal', 'request']);

/**
 * The text of php.ini.
 * @param settings lines "name=value", as given with -d and as .user.ini files have them; they win over the defaults, later over earlier ones
 */
export function phpIni(settings: readonly string[], folders: PhpFolders): string {
  const prepended = lastValue(settings, 'auto_prepend_file') ?? '';
  return [
    'memory_limit=128M',
    'error_reporting=E_ALL',
    'display_errors=1',
    'html_errors=1',
    'log_errors=1',
    'post_max_size=128M',
    'upload_max_filesize=128M',
    'max_execution_time=0',
    'output_buffering=4096',
    // The query string is never to become arguments.
    'register_argc_argv=0',
    'variables_order=GPCS',
    'request_order=GP',
    `session.save_path='${folders.sessions}'`,
    `upload_tmp_dir='${folders.uploads}'`,
    // In memory, as long as the process lives; the build has no shared memory for it.
    'opcache.enable=1',
    'opcache.enable_cli=1',
    'opcache.jit=0',
    'opcache.file_cache=/internal/opcache',
    'opcache.file_cache_only=1',
    ...settings,
    `${ownPrepend}='${prepended === 'none' ? '' : prepended}'`,
    ...preludeSettings(disabledFunctions(settings).join(',')),
    '',
  ].join('\n');
}

/** The functions that the settings disable. */
export function disabledFunctions(settings: readonly string[]): string[] {
  return (lastValue(settings, 'disable_functions') ?? '').split(',').flatMap((name) => name.trim() || []);
}

/** What the last of the lines that set a name sets, without its quotes. */
export function lastValue(settings: readonly string[], name: string): string | null {
  let found: string | null = null;
  for (const line of settings) {
    const match = /^\s*([\w.-]+)\s*=\s*(?:'([^']*)'|"([^"]*)"|([^;]*?))\s*(?:;.*)?$/.exec(line);
    if (match?.[1] === name) found = match[2] ?? match[3] ?? match[4] ?? '';
  }
  return found;
}

/** Makes the folders where they are missing; nobody else can read them. */
export function privateFolders(parent: string = tmpdir()): PhpFolders & { readonly locks: string } {
  const own = ownFolder(join(parent, `postern-php-${userId()}`)) ?? mkdtempSync(join(parent, 'postern-php-'));
  const folder = (name: string) => {
    const path = join(own, name);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  };
  return { sessions: folder('sessions'), uploads: folder('uploads'), locks: folder('locks') };
}

/** Mounts the folders of the root, so that a path means the same inside and outside. */
export async function mountHostFiles(php: PHP): Promise<void> {
  for (const name of readdirSync('/')) {
    const path = `/${name}`;
    if (ownFolders.has(name) || !isFolder(path)) continue;
    if (!php.fileExists(path)) php.mkdir(path);
    await php.mount(path, (_php, files, point) => {
      files.mount(files.filesystems.NODEFS, { root: path }, point);
      return () => files.unmount(point);
    });
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false; // gone, a dangling link, or closed to us
  }
}

/** The folder, if it is ours alone; in a folder that all may write to, somebody else could have made one of that name. */
function ownFolder(path: string): string | null {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const status = lstatSync(path);
  const { uid, mode } = status;
  return status.isDirectory() && uid === userId() && (mode & 0o077) === 0 ? path : null;
}

/** As the system counts them; Windows has none. */
function userId(): number {
  return process.getuid?.() ?? 0;
}
