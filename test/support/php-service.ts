// `postern run` with PHP scripts of a test: started from a configuration, asked over HTTP, judged by its status, log and exit status.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Agent, fetch as fetchOver, type RequestInit as OverInit } from 'undici';
import type { ServiceStatus } from '../../src/admin/source.ts';
import type { LaneSnapshot, PoolSnapshot } from '../../src/queue/pool-snapshot.ts';
import { findProgram, temporaryFolder } from './folder.ts';
import { type PosternProcess, startPostern } from './postern-process.ts';
import { until } from './until.ts';

/** Why such tests cannot run here; false: they can. */
export const phpMissing = findProgram('php-cgi') === null ? 'php-cgi is not installed' : false;

/** What a service is started with. Sections are lines of TOML. */
export interface PhpServiceOptions {
  /** File name in the root -> content. */
  readonly files: Readonly<Record<string, string | Buffer>>;
  /** Lines of [pool.php]. @default one that may run as root */
  readonly pool?: string;
  /** More lines of [site.main]. */
  readonly site?: string;
  /** More sections. */
  readonly more?: string;
  /** Where the site listens. @default a free port */
  readonly listen?: string;
  /** @default a new one */
  readonly folder?: string;
  /** Starts the command otherwise than directly, such as through `prlimit`. */
  readonly wrapper?: readonly string[];
  readonly logFile?: string;
}

/** A line of the log. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

/** Lines of a pool of PHP that may run as root where the test does. */
export const phpPool = 'php = "auto"\nallowRoot = true\n';

/** Writes the configuration and the files; nothing is started. @returns the path of the configuration */
export function writePhpSite(folder: string, options: PhpServiceOptions): string {
  const { files, pool = `${phpPool}workers = 2\n`, site = '', more = '', listen = '127.0.0.1:0' } = options;
  const config = join(folder, 'postern.toml');
  mkdirSync(join(folder, 'public'), { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, 'public', name), content);
  const log = options.logFile === undefined ? '' : `[log]\nfile = "${options.logFile}"\n`;
  writeFileSync(
    config,
    `${log}[admin]\nlisten = "127.0.0.1:0"\n[site.main]\nlisten = "${listen}"\nroot = "public"\n${site}` +
      `[[site.main.route]]\nmatch = "*.php"\npool = "php"\n${more}[pool.php]\n${pool}`,
  );
  return config;
}

/** A service that runs. It ends with the test. */
export class PhpService {
  readonly folder: string;
  readonly config: string;
  readonly postern: PosternProcess;
  /** Of the site, with a slash at the end. */
  url = '';
  /** Of the admin pages, with a slash at the end. */
  admin = '';
  /** Null: of the process, which opens as many connections as it likes. */
  #connection: Agent | null = null;

  private constructor(folder: string, config: string, postern: PosternProcess) {
    this.folder = folder;
    this.config = config;
    this.postern = postern;
  }

  /** Starts it, and waits until it says that it runs (or, where its log is a file, only until the process is there). */
  static async start(t: { after: TestContext['after'] }, options: PhpServiceOptions): Promise<PhpService> {
    const folder = options.folder ?? temporaryFolder(t);
    const config = writePhpSite(folder, options);
    const postern = startPostern(t, folder, ['run', '-c', config], folder, options.wrapper);
    const service = new PhpService(folder, config, postern);
    if (options.logFile === undefined) {
      await postern.wrote(/"msg":"running"/);
      const running = service.log('running')[0]!;
      service.url = (running.listeners as { url: string | null }[])[0]!.url ?? '';
      service.admin = String(running.admin ?? '');
    }
    return service;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** From now on requests go over one connection, one after another: one front thread has them all, and the lane that was used last comes first. */
  useOneConnection(): void {
    this.#connection = new Agent({ connections: 1, keepAliveTimeout: 60_000 });
  }

  get(path: string, init?: RequestInit): Promise<Response> {
    const url = new URL(path, this.url);
    const options = { signal: AbortSignal.timeout(30_000), ...init };
    if (this.#connection === null) return fetch(url, options);
    const over = { ...options, dispatcher: this.#connection } as OverInit;
    return fetchOver(url, over) as unknown as Promise<Response>;
  }

  async text(path: string): Promise<string> {
    const response = await this.get(path);
    const body = await response.text();
    assert.equal(response.status, 200, body);
    return body;
  }

  /** The lines of the log so far whose message holds `part`. */
  log(part = ''): LogLine[] {
    return this.postern
      .out()
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as LogLine)
      .filter(({ msg }) => typeof msg === 'string' && msg.includes(part));
  }

  /** The lines of the log so far that are warnings or worse. */
  troubles(): LogLine[] {
    return this.log().filter(({ level }) => ['warn', 'error', 40, 50].includes(level as string | number));
  }

  async status(): Promise<ServiceStatus> {
    return (await (await fetch(`${this.admin}status?format=json`)).json()) as ServiceStatus;
  }

  async pool(name = 'php'): Promise<PoolSnapshot> {
    return (await this.status()).pools.find((pool) => pool.name === name)!;
  }

  /** Lanes of the pool in a state. */
  async lanes(state: LaneSnapshot['state']): Promise<LaneSnapshot[]> {
    return (await this.pool()).lanes.filter((lane) => lane.state === state);
  }

  /** Waits until so many requests run on processes that are known. */
  async busy(count: number): Promise<LaneSnapshot[]> {
    const known = async (): Promise<LaneSnapshot[]> => (await this.lanes('busy')).filter(({ pid }) => pid > 0);
    await until(async () => (await known()).length === count, `${count} requests run`);
    return known();
  }

  /** Waits for a line of the log. */
  async logged(part: string, times = 1): Promise<LogLine[]> {
    await until(() => this.log(part).length >= times, `the log says "${part}"`);
    return this.log(part);
  }
}
