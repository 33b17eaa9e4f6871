// A service with a PHP site and an admin address, of which memory and processor time are looked at.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { ServiceStatus } from '../../src/admin/source.ts';
import { asOneself } from '../../test/support/postern-process.ts';

const entry = new URL('../../bin/postern.js', import.meta.url).pathname;

export class WatchedService {
  /** Addresses, with "/" at their end. */
  site = '';
  admin = '';
  readonly #folder: string;
  readonly #process: ChildProcess;

  private constructor(folder: string, pinned: readonly string[]) {
    this.#folder = folder;
    // One process: no launcher beside it.
    const args = ['run', '-c', join(folder, 'postern.toml')];
    const [program, ...rest] = [...pinned, process.execPath, entry, ...args, ...asOneself(args)];
    this.#process = spawn(program!, rest, {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, POSTERN_RUNTIME_DIR: folder },
      stdio: 'ignore',
    });
  }

  /** @param pinned what it is started by. @throws Error when it is not there within half a minute, with its log */
  static async start(pinned: readonly string[] = []): Promise<WatchedService> {
    const folder = mkdtempSync(join(tmpdir(), 'postern-bench-dashboard-'));
    mkdirSync(join(folder, 'public'));
    writeFileSync(join(folder, 'public/index.php'), '<?php echo "hello";');
    writeFileSync(join(folder, 'public/slow.php'), '<?php usleep(random_int(1, 400) * 1000); echo "slow";');
    writeFileSync(
      join(folder, 'postern.toml'),
      `[admin]\nlisten = "127.0.0.1:0"\n[log]\naccess = false\nfile = "log"\n[site.main]\nlisten = ["127.0.0.1:0"]\nroot = "public"\n` +
        `index = ["index.php"]\n[[site.main.route]]\nmatch = "*.php"\npool = "php"\n[pool.php]\nphp = "auto"\nallowRoot = true\nworkers = 16\n`,
    );
    const service = new WatchedService(folder, pinned);
    for (let tries = 0; tries < 300; tries += 1) {
      const status = await service.status().catch(() => null);
      const url = status?.listeners[0]?.url;
      if (status?.state === 'running' && status.admin !== null && url != null) {
        [service.site, service.admin] = [url, status.admin];
        return service;
      }
      await wait(100);
    }
    const log = readFileSync(join(folder, 'log'), 'utf8');
    await service.stop();
    throw new Error(`the service did not start: ${log}`);
  }

  async status(): Promise<ServiceStatus> {
    return JSON.parse(await this.command('status', '--json')) as ServiceStatus;
  }

  /** Asks the service through the command, as a user would. @returns what it prints */
  async command(...args: readonly string[]): Promise<string> {
    const asking = spawn(process.execPath, [entry, ...args], {
      env: { PATH: process.env.PATH, POSTERN_RUNTIME_DIR: this.#folder },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let text = '';
    asking.stdout.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
    await once(asking, 'close');
    return text;
  }

  /** Ends it, once. */
  async stop(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill('SIGTERM');
      await Promise.race([once(this.#process, 'exit'), wait(20_000, undefined, { ref: false })]);
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** proc(5): statm has pages. */
  residentBytes(): number {
    return Number(readFileSync(`/proc/${this.#process.pid}/statm`, 'utf8').split(' ')[1]) * 4_096;
  }

  /** What the scheduler has given its threads, user and system, in steps of nanoseconds. */
  usedProcessorMs(): number {
    const tasks = `/proc/${this.#process.pid}/task`;
    const usedBy = (thread: string): number =>
      Number(readFileSync(`${tasks}/${thread}/schedstat`, 'utf8').split(' ')[0]);
    return readdirSync(tasks).reduce((sum, thread) => sum + usedBy(thread), 0) / 1e6;
  }
}
