// A private MariaDB for one test: its own data folder and socket, no TCP port.

import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram } from './folder.ts';

/** A running database server. */
export interface MariaDb {
  readonly socketPath: string;
  /** Runs SQL as the database's root. */
  sql(statements: string): string;
  stop(): Promise<void>;
}

/** Why MariaDB cannot be started here; null: it can. */
export function mariaDbMissing(): string | null {
  return ['mariadbd', 'mariadb-install-db', 'mariadb'].every(findProgram) ? null : 'mariadb-server is not installed';
}

/** Starts a server with an empty database `site` and its user `site` with the password `site`. */
export async function startMariaDb(): Promise<MariaDb> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-mariadb-'));
  const data = join(folder, 'data');
  const socketPath = join(folder, 'mariadb.sock');
  mkdirSync(data);
  chmodSync(folder, 0o755);
  const isRoot = process.getuid?.() === 0;
  if (isRoot) {
    const id = (flag: string) => Number(execFileSync('id', [flag, 'mysql'], { encoding: 'utf8' }));
    chownSync(data, id('-u'), id('-g'));
    chownSync(folder, id('-u'), id('-g'));
  }
  const user = isRoot ? ['--user=mysql'] : [];
  execFileSync(findProgram('mariadb-install-db')!, [
    '--no-defaults',
    `--datadir=${data}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    ...user,
  ]);
  const server = spawn(
    findProgram('mariadbd')!,
    [
      '--no-defaults',
      `--datadir=${data}`,
      `--socket=${socketPath}`,
      '--skip-networking',
      '--innodb-buffer-pool-size=64M',
      '--innodb-flush-log-at-trx-commit=0',
      // WordPress' installer makes its tables within one request, which has the usual 60 s: a busy disk must not count.
      '--innodb-flush-method=nosync',
      ...user,
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const sql = (statements: string): string =>
    execFileSync(
      findProgram('mariadb')!,
      ['--no-defaults', `--socket=${socketPath}`, '-uroot', '-N', '-e', statements],
      {
        encoding: 'utf8',
      },
    );
  const stop = async (): Promise<void> => {
    server.kill('SIGTERM');
    await Promise.race([ended, delay(10_000, undefined, { ref: false }).then(() => server.kill('SIGKILL'))]);
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  for (let tries = 0; tries < 300; tries += 1) {
    if (existsSync(socketPath)) {
      sql(
        `CREATE DATABASE site; CREATE USER site@localhost IDENTIFIED BY 'site'; GRANT ALL ON site.* TO site@localhost;`,
      );
      return { socketPath, sql, stop };
    }
    if (server.exitCode !== null) break;
    await delay(100);
  }
  await stop();
  throw new Error('MariaDB did not start within 30 s');
}
