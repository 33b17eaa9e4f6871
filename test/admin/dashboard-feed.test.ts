// The feed: one sampler for all who look, none when nobody does, and a viewer that reads nothing costs no memory and is dropped.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { DashboardFeed, type ViewerSocket } from '../../src/admin/dashboard-feed.ts';
import { applyPatch, type JsonObject } from '../../src/admin/merge-patch.ts';
import type { ServiceStatus } from '../../src/admin/source.ts';
import { measures, poolSnapshot, serviceStatus } from '../support/service-status.ts';
import { until } from '../support/until.ts';

class FakeSocket implements ViewerSocket {
  readonly events: { readonly name: string; readonly data: { at: number; view?: JsonObject; patch?: JsonObject } }[] =
    [];
  takesMore = true;
  isDestroyed = false;
  readonly #listeners = new Map<string, () => void>();

  write(text: string): boolean {
    const [, name, data] = /^event: (\w+)\ndata: (.*)\n\n$/.exec(text)!;
    this.events.push({ name: name!, data: JSON.parse(data!) });
    return this.takesMore;
  }

  destroy(): void {
    this.isDestroyed = true;
    this.leave();
  }

  on(event: 'drain' | 'close', listener: () => void): void {
    this.#listeners.set(event, listener);
  }

  drain(): void {
    this.takesMore = true;
    this.#listeners.get('drain')?.();
  }

  leave(): void {
    this.#listeners.get('close')?.();
  }

  /** What a page would have made of the events. */
  get view(): JsonObject {
    return this.events.reduce<JsonObject>(
      (view, { name, data }) => (name === 'full' ? data.view! : applyPatch(view, data.patch!)),
      {},
    );
  }
}

function feed(t: TestContext, options: { patienceMs?: number; mostViewers?: number } = {}) {
  let accepted = 0;
  let looks = 0;
  const source = {
    status(): ServiceStatus {
      looks += 1;
      accepted += 1;
      const pool = poolSnapshot({ lanes: [] });
      return serviceStatus({ pools: [{ ...pool, counters: { ...pool.counters, accepted } }] });
    },
    gatherStatus: async () => serviceStatus(),
    measures,
  };
  const made = new DashboardFeed({ source, hasActions: () => true, sampleMs: 5, ...options });
  t.after(() => made.close());
  return { feed: made, looks: () => looks };
}

const accepted = (view: JsonObject): unknown =>
  ((view.pools as JsonObject).php as { counters: JsonObject }).counters.accepted;

describe('the feed of the dashboard', () => {
  it('gives a full view first, then what changes', async (t) => {
    const { feed: one } = feed(t);
    const socket = new FakeSocket();
    one.add(socket, false);
    await until(() => socket.events.length > 3);
    assert.deepEqual(
      socket.events.slice(0, 3).map(({ name }) => name),
      ['full', 'change', 'change'],
    );
    assert.deepEqual(socket.events[1]!.data.patch, { pools: { php: { counters: { accepted: 2 } } } });
    assert.equal(accepted(socket.view), socket.events.length);
  });

  it('samples once for all who look, and not at all when nobody does', async (t) => {
    const { feed: one, looks } = feed(t);
    assert.equal(looks(), 0);
    const sockets = [1, 2, 3].map(() => new FakeSocket());
    for (const socket of sockets) one.add(socket, false);
    await until(() => one.samples >= 5);
    assert.equal(looks(), one.samples + 1, 'one look for the first view, one for each sample');
    for (const socket of sockets) socket.leave();
    assert.equal(one.viewers, 0);
    const [samples, before] = [one.samples, looks()];
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual([one.samples, looks()], [samples, before]);
  });

  it('begins anew for whoever comes after that', async (t) => {
    const { feed: one } = feed(t);
    const first = new FakeSocket();
    one.add(first, false);
    first.leave();
    const second = new FakeSocket();
    one.add(second, true);
    await until(() => second.events.length > 1);
    assert.equal(second.events[0]!.name, 'full');
  });

  it('keeps nothing for a viewer that does not read, and gives it a full view when it reads again', async (t) => {
    const { feed: one } = feed(t);
    const slow = new FakeSocket();
    const quick = new FakeSocket();
    slow.takesMore = false;
    one.add(slow, false);
    one.add(quick, false);
    await until(() => quick.events.length > 5);
    assert.equal(slow.events.length, 1);
    slow.drain();
    await until(() => slow.events.length > 2);
    assert.deepEqual(
      slow.events.slice(0, 3).map(({ name }) => name),
      ['full', 'full', 'change'],
    );
    assert.equal(slow.isDestroyed, false);
  });

  it('goes on with changes for a viewer that has missed none', async (t) => {
    const { feed: one } = feed(t);
    const socket = new FakeSocket();
    socket.takesMore = false;
    one.add(socket, false);
    socket.drain();
    await until(() => socket.events.length > 2);
    assert.deepEqual(
      socket.events.slice(0, 3).map(({ name }) => name),
      ['full', 'change', 'change'],
    );
  });

  it('drops a viewer that reads nothing for too long, and samples for it no more', async (t) => {
    const { feed: one } = feed(t, { patienceMs: 20 });
    const socket = new FakeSocket();
    socket.takesMore = false;
    one.add(socket, false);
    await until(() => socket.isDestroyed);
    assert.equal(one.viewers, 0);
  });

  it('has room for so many, and no more', (t) => {
    const { feed: one } = feed(t, { mostViewers: 1 });
    assert.equal(one.hasRoom, true);
    one.add(new FakeSocket(), false);
    assert.equal(one.hasRoom, false);
  });
});
