// PHP as a program that a pool can run: command, environment, lanes, probe, and when its connections may be reused.

import type { Program } from '../worker/program.ts';
import type { Php } from './find-php.ts';
import { formatIniSetting, type IniValue, iniArguments } from './ini-arguments.ts';
import { SharedProbe } from './php-probe.ts';
import { connectionReuse } from './php-version.ts';

/** What the configuration says of a PHP pool. */
export interface PhpProgramOptions {
  /** The pool's name. */
  readonly name: string;
  readonly php: Php;
  /** Lanes of one worker process: children that one php-cgi preforks; embedded PHP always has one. */
  readonly workers: number;
  /** Working directory of the process; PHP itself changes to the folder of each script. */
  readonly cwd: string;
  /** The workers' environment, besides PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** PATH of the workers. */
  readonly path: string;
  readonly ini: Readonly<Record<string, IniValue>>;
  /** User to run as; null: as the manager. */
  readonly user: string | null;
  /** The probe script, readable by that user. @default one of its own in the system's temporary folder */
  readonly probe?: SharedProbe;
}

/** A Program of PHP, and what goes with it: `close()` when its last worker is gone. */
export interface PhpProgram {
  readonly program: Program;
  /** "php-cgi 8.2.36 (/usr/bin/php-cgi)", for the scoreboard. */
  readonly label: string;
  /** Removes the probe script. Repeatable. */
  close(): void;
}

/**
 * The gateway has looked the script up and sends its names finished, so there is nothing left for PHP to fix; but only with this setting
 * PHP_SELF is SCRIPT_NAME with PATH_INFO, as it is everywhere else (decision 004). A site may set it otherwise.
 */
const scriptIsDecided = { 'cgi.fix_pathinfo': 1 };

/** With fix_pathinfo=0 PHP runs PATH_TRANSLATED where it is given: /index.php/upload/x.jpg would run the upload (sapi/cgi, init_request_info). */
const pathIsDiscarded = formatIniSetting('cgi.discard_path', 1);

/**
 * Makes the Program of a PHP pool.
 * @throws CONFIG_INVALID for an ini setting that PHP could not read
 */
export function phpProgram(options: PhpProgramOptions): PhpProgram {
  return options.php.kind === 'embedded' ? embeddedProgram(options) : cgiProgram(options);
}

function cgiProgram(options: PhpProgramOptions): PhpProgram {
  const { name, php, workers, cwd, env, path, ini, user } = options;
  const settings = iniArguments({ ...scriptIsDecided, ...ini });
  const probe = (options.probe ?? new SharedProbe()).open();
  const program: Program = {
    name,
    // The section goes on to the end of all arguments, so it stands in the last one.
    command: [php.path, ...settings, '-d', `${pathIsDiscarded}\n${probe.section}`],
    cwd,
    env: {
      ...env,
      PATH: path,
      PHP_FCGI_CHILDREN: String(workers),
      // The pool counts; a child that leaves by itself would take the next request with it.
      PHP_FCGI_MAX_REQUESTS: '0',
    },
    user,
    lanesPerWorker: workers,
    preforks: true,
    // Data alone: a program goes over to front threads.
    probe: { environment: probe.environment },
    reuse: connectionReuse(php.version),
    // On SIGTERM a running script is lost, and its answer with it.
    leaveSignal: 'SIGUSR1',
  };
  return { program, label: `php-cgi ${php.version.text} (${php.path})`, close: () => probe.close() };
}

function embeddedProgram({ name, php, cwd, env, path, ini, user }: PhpProgramOptions): PhpProgram {
  const program: Program = {
    name,
    command: [process.execPath, '--disable-warning=ExperimentalWarning', php.path, ...iniArguments(ini)],
    cwd,
    env: { ...env, PATH: path },
    user,
    lanesPerWorker: 1,
    preforks: false,
    probe: null,
    reuse: 'always',
  };
  return { program, label: `embedded PHP ${php.version.text}`, close: () => {} };
}
