// The programs that the launcher starts: each named by its pool, each process by the number that the service gave it. Nothing else is
// started, and nothing else is sent a signal.

import { chmodSync, chownSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { PosternError, toPosternError } from '../errors.ts';
import type { Log } from '../log.ts';
import { isGone, isGroupAlive, readProcessStat } from '../worker/process-table.ts';
import type { Program } from '../worker/program.ts';
import type { Spawner } from '../worker/spawner.ts';
import type { StartedProcess, WorkerProcess } from '../worker/starter.ts';
import { allowedVariables, type CgiRules, isScriptOf } from './cgi-rules.ts';
import type { HandedSockets } from './handed-sockets.ts';
import type { LaunchedPool, Notice, Request, SentError } from './requests.ts';

/** A pool whose programs are started here. */
export interface LaunchPlan {
  readonly name: string;
  /** Of what is started: another one where a reload changes it. */
  readonly key: string;
  /** Processes at a time, old and new together. */
  readonly most: number;
  /** null: plain CGI. */
  readonly program: Program | null;
  readonly cgi: (CgiRules & { readonly user: string | null }) | null;
  /** What the service is to know of it. JSON. */
  readonly plan: unknown;
  /** Its last process has ended. Repeatable. */
  release(): void;
}

/** What they are started with. */
export interface LaunchedProgramsOptions {
  readonly spawner: Spawner;
  /** Where the sockets of workers are made. */
  readonly directory: string;
  readonly handed: HandedSockets;
  readonly log: Log;
  /** Number of the service's user, who alone connects to workers. */
  readonly owner: number;
  readonly tell: (notice: Notice) => void;
}

type Asked<Kind extends Request['do']> = Extract<Request, { do: Kind }>;

/** A process. `left`: it has ended, and what it started lives. `gone`: nothing of its group does, and its id may be given to another. */
interface Launched {
  readonly pool: string;
  readonly process: StartedProcess;
  readonly worker: WorkerProcess | null;
  state: 'running' | 'left' | 'gone';
}

const lookMs = 100;
/** For what is left when the service is: SIGTERM has so long before SIGKILL. */
const graceMs = 2_000;

export class LaunchedPrograms {
  readonly #options: LaunchedProgramsOptions;
  #inForce: readonly LaunchPlan[] = [];
  #coming: readonly LaunchPlan[] = [];
  /** By the service's number: of the service that runs now. */
  #launched = new Map<number, Launched>();
  /** Those of a service that is gone, which are being ended. */
  readonly #ending = new Set<Launched>();
  /** Starts on their way, by pool. */
  readonly #starting = new Map<string, number>();
  #count = 0;
  /** Changes when the service does: what was begun for the one before is not finished for the next. */
  #epoch = 0;
  #look: NodeJS.Timeout | null = null;

  constructor(options: LaunchedProgramsOptions) {
    this.#options = options;
  }

  /** Whether anything that was started lives. */
  get isEmpty(): boolean {
    return [...this.#launched.values(), ...this.#ending].every(({ state }) => state === 'gone');
  }

  /** What the service is told of the pools in force. */
  told(plans: readonly LaunchPlan[] = this.#inForce): Record<string, LaunchedPool> {
    return Object.fromEntries(plans.map(({ name, key, plan }) => [name, { key, plan }]));
  }

  /**
   * These may be started, besides those in force. A program that has not changed stays the one that it is: the service goes on with that, and asks its new processes by its probe.
   * @returns what the service is told of them
   */
  prepare(plans: readonly LaunchPlan[]): Record<string, LaunchedPool> {
    for (const plan of this.#coming) this.#releaseUnless(plan, this.#inForce);
    this.#coming = plans.map((plan) => {
      const same = this.#inForce.find(({ name, key }) => name === plan.name && key === plan.key);
      if (same === undefined || plan.program === null) return plan;
      plan.release();
      return same;
    });
    return this.told(this.#coming);
  }

  /** What was prepared is in force, or will not be. */
  settle(isInForce: boolean): void {
    const [kept, dropped] = isInForce ? [this.#coming, this.#inForce] : [this.#inForce, this.#coming];
    this.#inForce = kept;
    this.#coming = [];
    for (const plan of dropped) this.#releaseUnless(plan, kept);
  }

  /** @throws what the service is to be told */
  async startWorker({ process: id, pool, key, out, err }: Asked<'worker'>): Promise<void> {
    const { program } = this.#planOf(pool, key);
    if (program === null) throw refusal(`pool ${pool} has no workers`);
    await this.#start(id, pool, [out, err], (outputs) => {
      this.#count += 1;
      const { spawner, directory, log, owner } = this.#options;
      const worker = spawner.startWorker(
        program,
        join(directory, String(this.#count)),
        log,
        outputs as [number, number],
      );
      chownSync(worker.socketPath, owner, -1);
      chmodSync(worker.socketPath, 0o600);
      return { process: worker, worker };
    });
  }

  /** @throws what the service is to be told */
  async startCgi({ process: id, pool, key, path, variables, ...ends }: Asked<'cgi'>): Promise<void> {
    const { cgi } = this.#planOf(pool, key);
    if (cgi === null || !isScriptOf(cgi, path)) throw refusal(`pool ${pool} does not run ${JSON.stringify(path)}`);
    await this.#start(id, pool, [ends.in, ends.out, ends.err], (stdio) => {
      const start = { pool, path, variables: allowedVariables(cgi, variables), user: cgi.user };
      return { process: this.#options.spawner.startCgi(start, stdio as [number, number, number]), worker: null };
    });
  }

  /** @returns why not; null: it was done, or there is nobody any more */
  signal({ process: id, signal, to, pid }: Asked<'signal'>): string | null {
    const launched = this.#launched.get(id);
    // It may have gone while this was on its way.
    if (launched === undefined) return null;
    const { process } = launched;
    if (launched.state === 'gone' || process.pid === 0) return null;
    if (to === 'leader') {
      if (launched.state === 'running') process.signal(signal);
    } else if (to === 'group') process.signalGroup(signal);
    else if (pid === undefined || !this.#isOf(launched, pid)) return strangerIn(pid);
    else process.signalChild(pid, signal, to === 'tree');
    return null;
  }

  /** The pid is what a program has answered to a probe. One of another program is nothing that the service could have made up, and is not marked. */
  met({ process: id, pid }: Asked<'met'>): string | null {
    const launched = this.#launched.get(id);
    if (launched?.worker == null || launched.state !== 'running') return null;
    if (!this.#isOf(launched, pid)) return this.#isOfAny(pid) ? null : strangerIn(pid);
    launched.worker.met(pid, [pid]);
    return null;
  }

  /** It looks by itself whether the process is what it is said to be. */
  foreign({ process: id, pid }: Asked<'foreign'>): string | null {
    this.#launched.get(id)?.worker?.endForeign(pid);
    return null;
  }

  clear({ process: id }: Asked<'clear'>): string | null {
    const launched = this.#launched.get(id);
    if (launched === undefined) return null;
    if (launched.state === 'running' && launched.process.pid !== 0) return 'it runs';
    launched.worker?.clear();
    if (launched.state === 'gone' || launched.process.pid === 0) this.#launched.delete(id);
    else this.#end(id, launched);
    return null;
  }

  /** The service is gone: what it had started for it is ended. */
  endAll(): void {
    this.#epoch += 1;
    this.#starting.clear();
    for (const [id, launched] of this.#launched) this.#end(id, launched);
  }

  /** SIGKILL to all that is left. */
  killAll(): void {
    for (const one of [...this.#launched.values(), ...this.#ending])
      if (one.state !== 'gone') one.process.signalGroup('SIGKILL');
  }

  close(): void {
    if (this.#look !== null) clearInterval(this.#look);
    for (const plan of [...this.#inForce, ...this.#coming]) plan.release();
  }

  #end(id: number, launched: Launched): void {
    this.#launched.delete(id);
    if (launched.state === 'gone' || launched.process.pid === 0) {
      launched.worker?.clear();
      return;
    }
    this.#ending.add(launched);
    launched.process.signalGroup('SIGTERM');
    setTimeout(() => {
      if (launched.state !== 'gone') launched.process.signalGroup('SIGKILL');
    }, graceMs).unref();
    this.#lookNow();
  }

  async #start(
    id: number,
    pool: string,
    tokens: readonly string[],
    start: (descriptors: readonly number[]) => Pick<Launched, 'process' | 'worker'>,
  ): Promise<void> {
    if (this.#launched.has(id)) throw refusal(`process ${id} was started before`);
    const { most } = [...this.#coming, ...this.#inForce].find(({ name }) => name === pool)!;
    const living = [...this.#launched.values()].filter((one) => one.pool === pool && one.state !== 'gone').length;
    const starting = this.#starting.get(pool) ?? 0;
    if (living + starting >= most) throw refusal(`${living + starting} processes of pool ${pool} live: ${most} may`);
    const epoch = this.#epoch;
    this.#starting.set(pool, starting + 1);
    let sockets: Socket[] = [];
    try {
      sockets = await Promise.all(tokens.map((token) => this.#options.handed.take(token)));
      if (epoch !== this.#epoch) return;
      this.#begun(id, pool, start(sockets.map(descriptorOf)));
    } finally {
      // The program has them.
      for (const socket of sockets) socket.destroy();
      if (epoch === this.#epoch) this.#starting.set(pool, Math.max(0, (this.#starting.get(pool) ?? 1) - 1));
    }
  }

  #begun(id: number, pool: string, { process, worker }: Pick<Launched, 'process' | 'worker'>): void {
    const { tell } = this.#options;
    const launched: Launched = { pool, process, worker, state: 'running' };
    this.#launched.set(id, launched);
    process.once('error', (error) => {
      launched.state = 'gone';
      if (this.#launched.get(id) === launched) tell({ tell: 'failed', process: id, error: sentError(error) });
    });
    process.once('exit', (code, signal) => {
      launched.state = isGroupAlive(process.pid) ? 'left' : 'gone';
      if (launched.state === 'left') this.#lookNow();
      if (this.#launched.get(id) === launched) {
        tell({ tell: 'exited', process: id, code, signal });
        if (worker === null && launched.state === 'gone') this.#forget(id);
      }
    });
    if (process.pid !== 0)
      tell({ tell: 'spawned', process: id, pid: process.pid, socketPath: worker?.socketPath ?? '' });
  }

  /** Whether a process is in the group of one that was started here, or in its session. */
  #isOf({ process, state }: Launched, pid: number): boolean {
    if (state === 'gone' || process.pid === 0) return false;
    return readProcessStat(pid)?.group === process.pid;
  }

  #isOfAny(pid: number): boolean {
    return [...this.#launched.values()].some((launched) => this.#isOf(launched, pid));
  }

  /** Nothing is left of a CGI program: it is sent no signal any more. */
  #forget(id: number): void {
    this.#launched.delete(id);
    this.#options.tell({ tell: 'gone', process: id });
  }

  /** An id is believed only as long as a group has members: so they are looked at as long as they live. */
  #lookNow(): void {
    this.#look ??= setInterval(() => {
      const left = [...this.#ending, ...this.#launched.values()].filter(({ state }) => state === 'left');
      for (const one of left) if (!isGroupAlive(one.process.pid)) one.state = 'gone';
      for (const [id, one] of this.#launched) if (one.worker === null && one.state === 'gone') this.#forget(id);
      for (const one of this.#ending) {
        if (one.state !== 'gone') continue;
        one.worker?.clear();
        this.#ending.delete(one);
      }
      if (this.#ending.size > 0 || left.some(({ state }) => state === 'left')) return;
      clearInterval(this.#look!);
      this.#look = null;
    }, lookMs);
  }

  #planOf(pool: string, key: string): LaunchPlan {
    const plan = [...this.#coming, ...this.#inForce].find((one) => one.name === pool && one.key === key);
    if (plan === undefined) throw refusal(`there is no such program of pool ${JSON.stringify(pool)}`);
    return plan;
  }

  #releaseUnless(plan: LaunchPlan, kept: readonly LaunchPlan[]): void {
    if (!kept.includes(plan)) plan.release();
  }
}

/** What is to be said of a process that is none of a program's; null: it has ended, perhaps after it was met. */
function strangerIn(pid: number | undefined): string | null {
  return pid !== undefined && isGone(pid) ? null : `process ${pid} is none of what it has started`;
}

/** Something that the configuration does not allow. */
function refusal(why: string): PosternError {
  return new PosternError('LAUNCH_FAILED', `the launcher refuses: ${why}`);
}

export function sentError(thrown: unknown): SentError {
  const { code, message, cause } = toPosternError(thrown);
  const inner = (cause as { cause?: unknown } | undefined)?.cause ?? cause;
  return { code, message, cause: (inner as NodeJS.ErrnoException | undefined)?.code ?? null };
}

function descriptorOf(socket: Socket): number {
  return (socket as unknown as { _handle: { fd: number } | null })._handle?.fd ?? -1;
}
