// The feed of the dashboard: one sampler for all who look, that runs only while somebody does. Each viewer gets a full view once, then what
// changes (server-sent events, https://html.spec.whatwg.org/multipage/server-sent-events.html).
//
//   event: full      data: {"at": 1764300000000, "view": {...}}
//   event: change    data: {"at": 1764300000500, "patch": {...}}      a JSON Merge Patch of the view
//
// What a sample costs is bounded, too: the longer one takes, the longer the next one is waited for, so that a service of a thousand lanes spends no
// more on being looked at than one of eight. What a viewer costs is bounded: while one does not read, nothing is kept for it but what was being written. When it reads again, it gets a
// full view anew; when it does not for `patienceMs`, it is dropped, and a page connects again by itself.

import { asJson, type ServiceView, viewOf } from './dashboard-view.ts';
import { patchBetween } from './merge-patch.ts';
import type { AdminSource } from './source.ts';

/** Where the events of one viewer go: the answer of node:http. */
export interface ViewerSocket {
  /** @returns false: it has more than it can send; `drain` follows */
  write(text: string): boolean;
  destroy(): void;
  on(event: 'drain' | 'close', listener: () => void): unknown;
}

/** What a feed is made with. */
export interface FeedOptions {
  readonly source: AdminSource;
  readonly hasActions: () => boolean;
  /** @default 500 */
  readonly sampleMs?: number;
  /** How long a viewer may read nothing. @default 10000 */
  readonly patienceMs?: number;
  /** Viewers at most. @default 32 */
  readonly mostViewers?: number;
}

/**
 * `new`: it wants a full view; `current`: it has all there is; `full`: the same, but it has not read the last of it; `behind`: it has not
 * read, and has missed something meanwhile.
 */
type ViewerState = 'new' | 'current' | 'full' | 'behind';

const moves: Readonly<Record<ViewerState, readonly ViewerState[]>> = {
  new: ['current'],
  current: ['full'],
  full: ['current', 'behind'],
  behind: ['new'],
};

interface Viewer {
  readonly socket: ViewerSocket;
  readonly withQuery: boolean;
  state: ViewerState;
  /** When it stopped reading. */
  fullSinceMs: number;
}

/** One part of the time in so many is spent on samples at most; and they are never further apart than this. */
const restOfTime = 80;
const mostSampleMs = 4_000;

/** A viewer hears something at least this often: a page that hears nothing knows that its connection is broken. */
const heartbeatSamples = 4;

export class DashboardFeed {
  readonly #options: Required<FeedOptions>;
  readonly #viewers = new Set<Viewer>();
  /** The last view, with query strings and without. */
  readonly #views = new Map<boolean, ServiceView>();
  #timer: NodeJS.Timeout | null = null;
  #samples = 0;

  constructor(options: FeedOptions) {
    this.#options = { sampleMs: 500, patienceMs: 10_000, mostViewers: 32, ...options };
  }

  /** How many look. */
  get viewers(): number {
    return this.#viewers.size;
  }

  /** Samples that were taken. */
  get samples(): number {
    return this.#samples;
  }

  /** Whether one more may look. */
  get hasRoom(): boolean {
    return this.#viewers.size < this.#options.mostViewers;
  }

  /** Somebody looks, until the socket closes. */
  add(socket: ViewerSocket, withQuery: boolean): void {
    const viewer: Viewer = { socket, withQuery, state: 'new', fullSinceMs: 0 };
    this.#viewers.add(viewer);
    socket.on('drain', () => {
      if (viewer.state === 'full') move(viewer, 'current');
      else if (viewer.state === 'behind') move(viewer, 'new');
    });
    socket.on('close', () => this.#remove(viewer));
    if (this.#timer === null) this.#wait(this.#options.sampleMs);
    this.#sendFull(viewer, this.#views.get(withQuery) ?? this.#look(withQuery), Date.now());
  }

  /** Nobody looks any more. Repeatable. */
  close(): void {
    for (const viewer of [...this.#viewers]) {
      viewer.socket.destroy();
      this.#remove(viewer);
    }
  }

  #remove(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    if (this.#viewers.size > 0) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#views.clear();
  }

  #wait(ms: number): void {
    this.#timer = setTimeout(() => {
      const beganMs = performance.now();
      try {
        this.#sample();
      } finally {
        // Where all have left meanwhile, there is no timer any more.
        const tookMs = performance.now() - beganMs;
        if (this.#viewers.size > 0)
          this.#wait(Math.min(mostSampleMs, Math.max(this.#options.sampleMs, tookMs * restOfTime)));
      }
    }, ms).unref();
  }

  #sample(): void {
    this.#samples += 1;
    const now = Date.now();
    const isBeat = this.#samples % heartbeatSamples === 0;
    for (const withQuery of [false, true]) {
      const viewers = [...this.#viewers].filter((viewer) => viewer.withQuery === withQuery);
      if (viewers.length === 0) {
        this.#views.delete(withQuery);
        continue;
      }
      const before = this.#views.get(withQuery);
      const view = this.#look(withQuery);
      const patch = before === undefined ? undefined : patchBetween(asJson(before), asJson(view));
      const change = patch === undefined && !isBeat ? null : event('change', { at: now, patch: patch ?? {} });
      for (const viewer of viewers) this.#tell(viewer, change, view, now);
    }
  }

  #tell(viewer: Viewer, change: string | null, view: ServiceView, now: number): void {
    if (viewer.state === 'new') this.#sendFull(viewer, view, now);
    else if (viewer.state === 'current') {
      if (change !== null) this.#write(viewer, change);
    } else {
      if (viewer.state === 'full' && change !== null) move(viewer, 'behind');
      if (performance.now() - viewer.fullSinceMs > this.#options.patienceMs) viewer.socket.destroy();
    }
  }

  #look(withQuery: boolean): ServiceView {
    const { source, hasActions } = this.#options;
    const previous = this.#views.get(withQuery) ?? null;
    const view = viewOf(source.status(), { now: Date.now(), previous, withQuery, hasActions: hasActions() });
    this.#views.set(withQuery, view);
    return view;
  }

  #sendFull(viewer: Viewer, view: ServiceView, at: number): void {
    move(viewer, 'current');
    this.#write(viewer, event('full', { at, view }));
  }

  #write(viewer: Viewer, text: string): void {
    if (viewer.socket.write(text)) return;
    move(viewer, 'full');
    viewer.fullSinceMs = performance.now();
  }
}

function move(viewer: Viewer, to: ViewerState): void {
  if (!moves[viewer.state].includes(to)) throw new Error(`a viewer cannot go from ${viewer.state} to ${to}`);
  viewer.state = to;
}

/** JSON has no line breaks of its own, so one line of data will do. */
const event = (name: string, data: unknown): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
