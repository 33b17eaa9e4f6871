// php-cgi and PHP-FPM as FastCGI servers that a test starts and stops.

import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Address } from '../../src/connection/address.ts';

/** Starts `php-cgi -b` in a folder. @param children processes that serve connections; 0: the one alone */
export async function startPhpCgi(
  t: Pick<TestContext, 'after'>,
  program: string,
  folder: string,
  children = 0,
): Promise<Address> {
  const path = join(folder, 'cgi.sock');
  const env = { PATH: process.env.PATH ?? '', PHP_FCGI_MAX_REQUESTS: '0', PHP_FCGI_CHILDREN: String(children) };
  const child = spawn(program, ['-b', path], {
    env: children === 0 ? { ...env, PHP_FCGI_CHILDREN: undefined } : env,
    stdio: 'ignore',
  });
  endWith(t, child);
  await listening(path);
  return { kind: 'unix', path };
}

/** Starts PHP-FPM in a folder with a static number of processes. @param lines more of its pool */
export async function startPhpFpm(
  t: Pick<TestContext, 'after'>,
  program: string,
  folder: string,
  children: number,
  lines = '',
): Promise<Address> {
  const path = join(folder, 'fpm.sock');
  const file = join(folder, 'fpm.conf');
  const isRoot = process.getuid?.() === 0;
  writeFileSync(
    file,
    `[global]\nerror_log = ${join(folder, 'fpm.log')}\ndaemonize = no\n[www]\nlisten = ${path}\nlisten.mode = 0600\npm = static\n` +
      `pm.max_children = ${children}\ncatch_workers_output = no\n${isRoot ? 'user = root\ngroup = root\n' : ''}${lines}`,
  );
  const child = spawn(program, ['--nodaemonize', '--fpm-config', file, ...(isRoot ? ['--allow-to-run-as-root'] : [])], {
    stdio: 'ignore',
  });
  endWith(t, child);
  await listening(path);
  return { kind: 'unix', path };
}

/** Ends a process with the test, and waits until it is gone. */
export function endWith(t: Pick<TestContext, 'after'>, child: ChildProcess): void {
  const gone = new Promise((resolve) => child.once('exit', resolve));
  t.after(async () => {
    child.kill('SIGTERM');
    await gone;
  });
}

/** Resolves when somebody listens on a Unix socket. */
export async function listening(path: string): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = connect({ path });
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isThere) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nobody listens on ${path}`);
}
