// A MariaDB of our own, in a folder, reached over its socket only.

import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { account, giveTo } from './account.ts';
import { type Processes, runProgram } from './processes.ts';
import { programPath } from './program.ts';

/** A database that answers. */
export interface Database {
  readonly socket: string;
  readonly name: string;
  readonly user: string;
  readonly password: string;
}

const startLimitMs = 30_000;

/** Makes an empty database in `folder` and starts its server. */
export async function startDatabase(folder: string, processes: Processes, signal: AbortSignal): Promise<Database> {
  const data = `${folder}/data`;
  const socket = `${folder}/mariadb.sock`;
  mkdirSync(folder, { recursive: true });
  // MariaDB refuses to run as root, and its package brings an account.
  const user = account === null ? [] : ['--user=mysql'];
  giveTo('mysql', folder);
  const install = [programPath('mariadb-install-db'), '--no-defaults', `--datadir=${data}`, ...user];
  await runProgram([...install, '--auth-root-authentication-method=normal', '--skip-test-db'], { folder, signal });
  const server = [programPath('mariadbd'), '--no-defaults', `--datadir=${data}`, `--socket=${socket}`, ...user];
  const settings = ['--skip-networking', '--max-connections=600', `--pid-file=${folder}/mariadb.pid`];
  processes.start([...server, ...settings], { folder, logFile: `${folder}/output.log` });
  const database = { socket, name: 'wordpress', user: 'wordpress', password: 'bench' };
  await createDatabase(database, folder, signal);
  return database;
}

async function createDatabase(database: Database, folder: string, signal: AbortSignal): Promise<void> {
  const { name, user, password, socket } = database;
  const statements = `CREATE DATABASE ${name}; GRANT ALL ON ${name}.* TO '${user}'@'localhost' IDENTIFIED BY '${password}'`;
  const client = [programPath('mariadb'), '--no-defaults', `--socket=${socket}`, '--user=root', '-e', statements];
  const deadline = performance.now() + startLimitMs;
  for (;;) {
    try {
      await runProgram(client, { folder, signal });
      return;
    } catch (error) {
      // It is not up yet, unless it has been too long.
      if (signal.aborted || performance.now() > deadline) throw error;
      await sleep(100);
    }
  }
}
