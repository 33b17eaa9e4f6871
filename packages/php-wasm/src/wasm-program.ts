// Embedded PHP's program: FastCGI on the listening socket at fd 0, one request at a time, until SIGTERM.

import { readFileSync } from 'node:fs';
import { run } from '../../../src/app/index.ts';
import { Interpreter } from './interpreter.ts';
import { LockTable } from './lock-table.ts';
import { phpApp } from './php-app.ts';
import { disabledFunctions, lastValue, phpIni, privateFolders } from './php-files.ts';
import { UserIni } from './user-ini.ts';

/** What was asked for. */
interface CommandLine {
  readonly isVersionWanted: boolean;
  /** Lines for php.ini. */
  readonly settings: readonly string[];
}

const commandLine = parseCommandLine(process.argv.slice(2));
if (typeof commandLine === 'string') {
  process.stderr.write(`postern-php-wasm: ${commandLine}\n`);
  process.exitCode = 2;
} else if (commandLine.isVersionWanted) {
  process.stdout.write(`PHP ${phpVersion()} (postern-wasm)\n`);
} else {
  await serve(commandLine.settings);
}

async function serve(settings: readonly string[]): Promise<void> {
  const { PHP_FCGI_MAX_REQUESTS: maxRequests, ...env } = process.env as Record<string, string>;
  const folders = privateFolders();
  const locks = new LockTable(folders.locks);
  const ini = (more: readonly string[]) => phpIni([...settings, ...more], folders);
  const interpreter = new Interpreter({ ini, disabled: disabledFunctions(settings), env, locks });
  const userIni = new UserIni(lastValue(settings, 'user_ini.filename') ?? '.user.ini');
  let left = Number(maxRequests ?? 0) || Number.POSITIVE_INFINITY;
  const app = phpApp(interpreter, userIni, () => {
    left -= 1;
    // Takes no more, finishes what it has, and leaves with 0.
    if (left === 0) process.kill(process.pid, 'SIGTERM');
  });
  // How long a script may take is the pool's to say.
  await run(app, { limits: { requestTimeoutMs: 0 } });
}

function phpVersion(): string {
  // Two folders up from the sources; four more from the build.
  for (const place of ['../package.json', '../../../../package.json']) {
    try {
      return String(JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')).phpVersion);
    } catch {}
  }
  return 'unknown';
}

/** The arguments, -d name=value as php-cgi has it, and -v; an unknown one is given back as text that says so. */
function parseCommandLine(args: readonly string[]): CommandLine | string {
  const settings: string[] = [];
  let isVersionWanted = false;
  const rest = [...args];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    const value = argument === '-d' ? rest.shift() : undefined;
    if (value !== undefined) settings.push(value);
    else if (argument === '-v') isVersionWanted = true;
    else return `unknown argument "${argument}": there are -d NAME=VALUE and -v`;
  }
  return { isVersionWanted, settings };
}
