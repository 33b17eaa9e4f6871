// What the page knows of the service: a view that arrives whole and then in patches, over server-sent events that connect again by themselves.

import { applyPatch, type JsonObject } from '../../../src/admin/merge-patch.ts';
import type { Pool, Service } from './arrived.ts';

/** How the page stands to the service. */
export type Link = 'connecting' | 'live' | 'lost';

/** What is heard. */
export interface FeedEvents {
  /** A view came, or has changed. @param at milliseconds since 1970, by the clock of the service */
  view(view: Service, at: number): void;
  link(link: Link): void;
}

/** The part of EventSource that is used. */
export interface Source {
  addEventListener(type: string, listener: (event: { readonly data?: string }) => void): void;
  close(): void;
}

/** The service says something every five seconds at least: after so long without a word it is asked anew. */
const silenceMs = 20_000;

/** How long to wait where the browser does not try by itself. */
const againMs = 3_000;

export class Feed {
  readonly #events: FeedEvents;
  readonly #open: (url: string) => Source;
  #source: Source | null = null;
  #view: JsonObject | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #withQuery = false;

  constructor(events: FeedEvents, open: (url: string) => Source = (url) => new EventSource(url) as unknown as Source) {
    this.#events = events;
    this.#open = open;
  }

  /** Connects. What was known before is shown until the new view has come. */
  start(withQuery: boolean): void {
    this.#withQuery = withQuery;
    this.#connect();
  }

  /** Nothing is heard any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
    this.#view = null;
  }

  #connect(): void {
    this.stop();
    this.#events.link('connecting');
    const source = this.#open(this.#withQuery ? '/events?query=1' : '/events');
    this.#source = source;
    const hear = (take: (data: JsonObject) => JsonObject | null) => (event: { readonly data?: string }) => {
      if (this.#source !== source || event.data === undefined) return;
      const data = JSON.parse(event.data) as JsonObject;
      const view = take(data);
      if (view === null) return;
      this.#view = view;
      this.#await(silenceMs);
      this.#events.link('live');
      this.#events.view(view as unknown as Service, Number(data.at));
    };
    source.addEventListener(
      'full',
      hear(({ view }) => view as JsonObject),
    );
    source.addEventListener(
      'change',
      hear(({ patch }) => this.#view && applyPatch(this.#view, patch as JsonObject)),
    );
    source.addEventListener('error', () => {
      if (this.#source !== source) return;
      this.#events.link('lost');
      this.#await(againMs);
    });
    this.#await(silenceMs);
  }

  #await(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), ms);
  }
}

/** The pools in the order of the configuration. */
export function poolsOf(view: Service): readonly Pool[] {
  return Object.values(view.pools).sort((a, b) => a.order - b.order);
}
