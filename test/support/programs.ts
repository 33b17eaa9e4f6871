// Programs for tests of workers and pools.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Program } from '../../src/worker/program.ts';

/** A program that serves one connection at a time, but for what is given. */
export function plainProgram(given: Partial<Program> = {}): Program {
  return {
    name: 'app',
    command: ['/bin/true'],
    cwd: '/',
    env: { PATH: '/usr/bin:/bin' },
    user: null,
    lanesPerWorker: 1,
    preforks: false,
    probe: null,
    reuse: 'always',
    ...given,
  };
}

/** A shell script as a program. */
export function shellProgram(script: string): Program {
  return plainProgram({ command: ['/bin/sh', '-c', script] });
}

/** php-cgi with so many preforked children. @param folder where its probe script is put */
export function preforkedPhp(phpCgi: string, folder: string, children: number, given: Partial<Program> = {}): Program {
  const probe = join(folder, 'probe.php');
  writeFileSync(probe, '<?php echo getmypid();\n');
  return plainProgram({
    name: 'php',
    command: [phpCgi, '-d', 'cgi.fix_pathinfo=0', '-d', 'cgi.discard_path=1'],
    env: { PATH: '/usr/bin:/bin', PHP_FCGI_CHILDREN: String(children), PHP_FCGI_MAX_REQUESTS: '0' },
    lanesPerWorker: children,
    preforks: true,
    probe: { environment: phpEnvironment(probe) },
    leaveSignal: 'SIGUSR1',
    ...given,
  });
}

/** php-cgi as a program that does not prefork. */
export function singlePhp(phpCgi: string, given: Partial<Program> = {}): Program {
  return plainProgram({
    name: 'php',
    command: [phpCgi, '-d', 'cgi.fix_pathinfo=0', '-d', 'cgi.discard_path=1'],
    env: { PATH: '/usr/bin:/bin', PHP_FCGI_MAX_REQUESTS: '0' },
    leaveSignal: 'SIGUSR1',
    ...given,
  });
}

/** The variables that PHP needs to run a script. */
export function phpEnvironment(script: string): Record<string, string> {
  return {
    SCRIPT_FILENAME: script,
    SCRIPT_NAME: '/script.php',
    REQUEST_METHOD: 'GET',
    REQUEST_URI: '/script.php',
    REDIRECT_STATUS: '200',
  };
}
