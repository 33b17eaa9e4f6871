// What the page hears: a full view, patches into it, and a connection that is made anew when it is lost or says nothing.

import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { Feed, type Link, type Source } from '../src/feed.ts';

class FakeSource implements Source {
  readonly url: string;
  isClosed = false;
  readonly #listeners = new Map<string, (event: { readonly data?: string }) => void>();

  constructor(url: string) {
    this.url = url;
  }

  addEventListener(type: string, listener: (event: { readonly data?: string }) => void): void {
    this.#listeners.set(type, listener);
  }

  close(): void {
    this.isClosed = true;
  }

  say(type: string, data?: unknown): void {
    this.#listeners.get(type)!(data === undefined ? {} : { data: JSON.stringify(data) });
  }
}

function listen(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const sources: FakeSource[] = [];
  const views: unknown[] = [];
  const links: Link[] = [];
  const feed = new Feed({ view: (view, at) => views.push([view, at]), link: (link) => links.push(link) }, (url) => {
    sources.push(new FakeSource(url));
    return sources.at(-1)!;
  });
  t.after(() => feed.stop());
  return { feed, sources, views, links };
}

test('a full view, then patches; one before any view is nothing', (t) => {
  const { feed, sources, views } = listen(t);
  feed.start(false);
  const [source] = sources;
  assert.equal(source!.url, '/events');
  source!.say('change', { at: 1, patch: { a: 1 } });
  source!.say('full', { at: 2, view: { a: 1, b: { c: 1 } } });
  source!.say('change', { at: 3, patch: { b: { c: 2 }, a: null } });
  assert.deepEqual(views, [
    [{ a: 1, b: { c: 1 } }, 2],
    [{ b: { c: 2 } }, 3],
  ]);
});

test('what is lost, or says nothing, is connected anew; an old connection is heard no more', (t) => {
  const { feed, sources, links, views } = listen(t);
  feed.start(true);
  assert.equal(sources[0]!.url, '/events?query=1');
  sources[0]!.say('full', { at: 1, view: {} });
  sources[0]!.say('error');
  assert.deepEqual(links, ['connecting', 'live', 'lost']);
  t.mock.timers.tick(3_000);
  assert.equal(sources.length, 2);
  assert.equal(sources[0]!.isClosed, true);
  sources[0]!.say('full', { at: 9, view: {} });
  assert.equal(views.length, 1);
  t.mock.timers.tick(20_000);
  assert.equal(sources.length, 3, 'twenty seconds without a word');
});

test('what was stopped says nothing and tries nothing', (t) => {
  const { feed, sources, views } = listen(t);
  feed.start(false);
  feed.stop();
  sources[0]!.say('full', { at: 1, view: {} });
  t.mock.timers.tick(60_000);
  assert.deepEqual([sources.length, views.length, sources[0]!.isClosed], [1, 0, true]);
});
