// `postern serve [DIR]`: files and PHP of a folder on the web, without a configuration.

import { type Command, Option } from 'commander';
import type { Threads } from '../config/thread-count.ts';
import { fallback, listenAddress, port, positiveNumber, repeatable, threads } from './option-values.ts';
import { phpAhead, servedAhead } from './php-ahead.ts';
import type { Terminal } from './terminal.ts';

/** What the command line says. */
export interface ServeOptions {
  readonly config?: string;
  readonly listen?: string;
  readonly port?: number;
  readonly php?: string;
  readonly workers?: number;
  readonly threads?: Threads;
  readonly admin?: string;
  readonly fallback?: string;
  readonly ini: readonly string[];
  readonly user?: string;
  readonly tls?: boolean;
}

/** Adds the command. */
export function addServe(program: Command, terminal: Terminal): void {
  program
    .command('serve')
    .description('serve the files and PHP of a folder, or a TypeScript application; no configuration needed')
    .argument('[dir]', 'the folder, or an application such as app.ts (default: the folder you are in)')
    .option('--listen <address>', 'where to listen: "127.0.0.1:8000", ":8000", "unix:/run/site.sock"', listenAddress)
    .addOption(new Option('--port <number>', 'listen on this port of 127.0.0.1').argParser(port).conflicts('listen'))
    .option('--tls', 'HTTPS, with certificates for localhost and *.localhost by an authority of your own')
    .option('--php <which>', '"auto", "wasm" (embedded), or the path of a php-cgi')
    .option('--workers <number>', 'requests that run at a time', positiveNumber)
    .option('--threads <number>', 'front threads: a number, or "auto"', threads)
    .option('--fallback <path>', 'front controller for paths that are neither file nor script: index.php', fallback)
    .option('--ini <setting>', 'a setting of PHP, "memory_limit=256M" (repeatable)', repeatable, [])
    .option('--admin <address>', 'where the admin pages are', listenAddress)
    .option('-c, --config <file>', 'serve what this configuration says')
    .option(
      '--user <name>',
      'who serves when started as root (default: the owner of the folder, or else www-data); "root": all as root',
    )
    .action(async (dir: string | undefined, options: ServeOptions) => {
      let note: string | null = null;
      if (process.getuid?.() === 0) {
        const { serveAsRoot } = await import('./serve-as-root.ts');
        const served = await serveAsRoot(dir, options, terminal);
        if (typeof served === 'number') {
          process.exitCode = served;
          return;
        }
        note = served.note;
      }
      const findPhp = phpAhead(servedAhead(dir, options));
      const { serve } = await import('./serving.ts');
      await serve({ dir, options, note, findPhp, terminal });
    });
}
