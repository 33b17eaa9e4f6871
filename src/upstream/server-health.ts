// Whether the servers of a pool take connections: learnt from its requests, and looked at where there are none.
//
//   unknown -> up <-> down        unknown may go to down

import type { Clock, Timer } from '../clock.ts';
import { knock } from '../connection/knock.ts';
import { shortages } from '../errors.ts';
import type { Log } from '../log.ts';
import type { ServerBoard, ServerHealth, ServerRecord } from './server-board.ts';
import type { Upstream } from './upstream.ts';

const moves: Readonly<Record<ServerHealth, readonly ServerHealth[]>> = {
  unknown: ['up', 'down'],
  up: ['down'],
  down: ['up'],
};

interface Watched {
  readonly upstream: Upstream;
  /** What all threads know of it. */
  readonly known: ServerRecord;
  /** Why not, in words, as this thread saw it. */
  why: string;
  isLookedAt: boolean;
}

/** What a health is made from. */
export interface HealthOptions {
  /** The pool's name. */
  readonly name: string;
  readonly upstreams: readonly Upstream[];
  /** Of those, in their order. */
  readonly board: ServerBoard;
  readonly clock: Clock;
  readonly log: Log;
  /** A look has found that a server takes no connection, or that one that took none does again. */
  readonly onSeen: (upstream: Upstream, isUp: boolean) => void;
}

/**
 * A look is one connection that is closed at once; while requests go there, there is none. One that takes connections is looked at less
 * often: each look begins a process of a PHP-FPM with `pm = ondemand`.
 */
const lookPeriodMs = 3_000;
const upPeriodMs = 10_000;
/** How long a server may take to accept one. */
const lookTimeoutMs = 2_000;

export class Health {
  readonly #options: HealthOptions;
  readonly #servers: readonly Watched[];
  #timer: Timer | null = null;
  #firstLook: Promise<void> | null = null;

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#servers = options.upstreams.map((upstream, index) => ({
      upstream,
      known: options.board.record(index),
      why: 'it was not looked at yet',
      isLookedAt: false,
    }));
  }

  /** Begins to look; resolves when each server was looked at once. Repeatable. */
  watch(): Promise<void> {
    this.#timer ??= this.#options.clock.every(lookPeriodMs, () => void this.#look());
    this.#firstLook ??= this.#look();
    return this.#firstLook;
  }

  /** Looks no more. Repeatable. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** A request has reached a server; or could not, for this reason. */
  note(upstream: Upstream, why: string | null): void {
    const server = this.#servers.find((one) => one.upstream === upstream);
    if (server !== undefined) this.#know(server, why);
  }

  /** Why no request can be answered now, in words; null: some server takes connections. */
  get notReady(): string | null {
    if (this.#servers.some(({ known }) => known.health === 'up')) return null;
    const servers = this.#servers
      .map(({ upstream, why }) => `${upstream.name} (${why || 'a request found it so'})`)
      .join(', ');
    const none =
      this.#servers.length === 1 ? 'its server takes no connection' : 'none of its servers takes a connection';
    return `${none}: ${servers}`;
  }

  /** Addresses of those that take none. */
  get down(): readonly string[] {
    return this.#servers.filter(({ known }) => known.health === 'down').map(({ upstream }) => upstream.name);
  }

  async #look(): Promise<void> {
    const soonMs = this.#options.clock.now() + lookPeriodMs / 2;
    const due = this.#servers.filter(
      ({ isLookedAt, known: { knownAtMs, health } }) =>
        !isLookedAt && (health === 'unknown' || knownAtMs + (health === 'up' ? upPeriodMs : lookPeriodMs) <= soonMs),
    );
    await Promise.all(due.map((server) => this.#lookAt(server)));
  }

  async #lookAt(server: Watched): Promise<void> {
    server.isLookedAt = true;
    const error = await knock(server.upstream.address, lookTimeoutMs);
    server.isLookedAt = false;
    if (this.#timer === null) return;
    // A full backlog is a server that lives; and that there is no room here says nothing of one.
    const isUp = error === null || error.code === 'EAGAIN';
    if (!isUp && shortages.has(error.code)) return;
    const wasDown = server.known.health === 'down';
    this.#know(server, isUp ? null : error.message);
    if (!isUp || wasDown) this.#options.onSeen(server.upstream, isUp);
  }

  #know(server: Watched, why: string | null): void {
    const { name, clock, log } = this.#options;
    const health = why === null ? 'up' : 'down';
    const { known } = server;
    const before = known.health;
    known.knownAtMs = clock.now();
    server.why = why ?? '';
    if (health === before) return;
    if (!moves[before].includes(health)) throw new Error(`a server cannot go from ${before} to ${health}`);
    // Another thread has told of it.
    if (!known.move(before, health)) return;
    const fields = { pool: name, server: server.upstream.name };
    if (why !== null) log.warn(fields, `server ${server.upstream.name} of pool ${name} takes no connection: ${why}`);
    else if (before === 'down')
      log.info(fields, `server ${server.upstream.name} of pool ${name} takes connections again`);
  }
}
