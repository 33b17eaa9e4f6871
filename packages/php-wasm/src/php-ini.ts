// The php.ini of embedded PHP: defaults for trying and development, then what the command line sets. Pure.

/** Where PHP looks for its php.ini, inside its own file system. */
export const phpIniPath = '/internal/shared/php.ini';

/** Folders that PHP writes to. */
export interface PhpFolders {
  readonly sessions: string;
  readonly uploads: string;
}

/**
 * The text of php.ini.
 * @param settings lines "name=value" as given with -d; they win over the defaults
 */
export function phpIni(settings: readonly string[], folders: PhpFolders): string {
  return [
    'memory_limit=256M',
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
    `session.save_path='${folders.sessions}'`,
    `upload_tmp_dir='${folders.uploads}'`,
    // In memory, as long as the process lives; the build has no shared memory for it.
    'opcache.enable=1',
    'opcache.enable_cli=1',
    'opcache.jit=0',
    'opcache.file_cache=/internal/opcache',
    'opcache.file_cache_only=1',
    ...settings,
    '',
  ].join('\n');
}
