// What the page holds: the view, the history, what is selected; and the one place where it is changed.

import type { Service } from './arrived.ts';
import { Feed, type Link } from './feed.ts';
import { History } from './history.ts';

/** All that is drawn. */
export interface PageState {
  readonly view: Service | null;
  /** When the view was made, by the clock of the service. */
  readonly at: number;
  readonly link: Link;
  readonly isPaused: boolean;
  readonly withQuery: boolean;
  /** The pool that is looked at; null: all. */
  readonly pool: string | null;
  /** The token, once it was found right; null: nothing can be done. */
  readonly token: string | null;
  /** What became of the last action, in words. */
  readonly told: { readonly ok: boolean; readonly message: string } | null;
}

/** Where the token is kept: until the tab is closed. */
const tokenKey = 'postern-token';

export class Store {
  readonly history = new History();
  readonly #draw: (state: PageState) => void;
  readonly #feed = new Feed({
    view: (view, at) => this.#take(view, at),
    link: (link) => this.set(link === 'lost' || this.state.link !== 'lost' || link === 'live' ? { link } : {}),
  });
  #state: PageState = {
    view: null,
    at: 0,
    link: 'connecting',
    isPaused: false,
    withQuery: false,
    pool: poolOf(location.hash),
    token: sessionStorage.getItem(tokenKey),
    told: null,
  };
  #isDrawn = false;

  constructor(draw: (state: PageState) => void) {
    this.#draw = draw;
    addEventListener('hashchange', () => this.set({ pool: poolOf(location.hash) }));
    // A page in the background is drawn by nobody; it need not be sampled for.
    document.addEventListener('visibilitychange', () => this.#follow());
  }

  get state(): PageState {
    return this.#state;
  }

  start(): void {
    this.#follow();
  }

  /** Changes something, and has it drawn with the next frame. */
  set(change: Partial<PageState>): void {
    this.#state = { ...this.#state, ...change };
    if (this.#isDrawn) return;
    this.#isDrawn = true;
    requestAnimationFrame(() => {
      this.#isDrawn = false;
      this.#draw(this.#state);
    });
  }

  pause(isPaused: boolean): void {
    this.set({ isPaused });
    this.#follow();
  }

  showQuery(withQuery: boolean): void {
    this.set({ withQuery });
    this.#follow();
  }

  /** Asks for something. @returns whether it was done */
  async act(name: string, parameters: Readonly<Record<string, string>>, token = this.#state.token): Promise<boolean> {
    const told = await ask(name, parameters, token ?? '');
    this.set({ told: name === 'check' && told.ok ? null : told });
    return told.ok;
  }

  /** @returns whether the token is the right one; it is kept then */
  async unlock(token: string): Promise<boolean> {
    const isRight = await this.act('check', {}, token);
    if (isRight) {
      sessionStorage.setItem(tokenKey, token);
      this.set({ token });
    }
    return isRight;
  }

  lock(): void {
    sessionStorage.removeItem(tokenKey);
    this.set({ token: null });
  }

  #follow(): void {
    if (this.#state.isPaused || document.visibilityState === 'hidden') this.#feed.stop();
    else this.#feed.start(this.#state.withQuery);
  }

  #take(view: Service, at: number): void {
    this.history.take(view, at);
    this.set({ view, at, link: 'live' });
  }
}

async function ask(
  name: string,
  parameters: Readonly<Record<string, string>>,
  token: string,
): Promise<{ ok: boolean; message: string }> {
  try {
    const answer = await fetch(`/actions/${name}?${new URLSearchParams(parameters)}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(120_000),
    });
    return (await answer.json()) as { ok: boolean; message: string };
  } catch (error) {
    return { ok: false, message: `the service did not answer: ${(error as Error).message}` };
  }
}

/** "#pool=php" names a pool. */
function poolOf(hash: string): string | null {
  return new URLSearchParams(hash.slice(1)).get('pool');
}
