// The screen of `postern status --watch`, its keys and its rates.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { plainPaint } from '../../src/admin/formatting.ts';
import { WatchRates } from '../../src/admin/watch-rates.ts';
import { firstChoice, type WatchChoice, watchLines } from '../../src/admin/watch-screen.ts';
import { keysOf, pressKey } from '../../src/cli/watch-keys.ts';
import { Durations } from '../../src/queue/queue-books.ts';
import { busyService } from '../support/busy-service.ts';
import fc from '../support/seeded-fast-check.ts';
import { laneSnapshot, poolSnapshot, serviceStatus } from '../support/service-status.ts';

const lines = (status = serviceStatus(), choice: Partial<WatchChoice> = {}, columns = 100, rows = 24): string[] =>
  watchLines(
    { status, rates: new WatchRates(), choice: { ...firstChoice, ...choice }, trouble: null },
    { columns, rows },
    plainPaint,
  );

const three = serviceStatus({
  pools: [
    poolSnapshot({
      lanes: [
        laneSnapshot({ lane: 0, pid: 11, url: '/idle', memoryBytes: 9e6, requests: 3 }),
        laneSnapshot({ lane: 1, pid: 12, state: 'busy', request: 1, runMs: 5, url: '/quick', memoryBytes: 1e6 }),
        laneSnapshot({ lane: 2, pid: 13, state: 'busy', request: 2, runMs: 900, url: '/slow', memoryBytes: 2e6 }),
      ],
    }),
  ],
});
const urls = (choice: Partial<WatchChoice>): string[] =>
  lines(three, choice).flatMap((line) => /GET (\S+)$/.exec(line)?.[1] ?? []);

describe('the screen of status --watch', () => {
  it('has as many lines as the window, and none is wider, whatever its size', () => {
    const status = busyService(20, 64)();
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 220 }), fc.integer({ min: 4, max: 70 }), (columns, rows) => {
        const shown = lines(status, {}, columns, rows);
        assert.equal(shown.length, rows);
        // A table has no fewer columns than it needs to tell anything.
        if (columns >= 60) assert.ok(shown.every((line) => line.length <= columns));
      }),
      { numRuns: 60 },
    );
  });

  it('has the lanes that have run longest first, or in another order, or the other way round', () => {
    assert.deepEqual(urls({}), ['/slow', '/quick', '/idle']);
    assert.deepEqual(urls({ sort: 'memory' }), ['/idle', '/slow', '/quick']);
    assert.deepEqual(urls({ sort: 'memory', isReversed: true }), ['/quick', '/slow', '/idle']);
    assert.deepEqual(urls({ sort: 'pid' }), ['/idle', '/quick', '/slow']);
  });

  it('has only the lanes that hold the filter, in any of their columns', () => {
    assert.deepEqual(urls({ filter: 'SLOW' }), ['/slow']);
    assert.deepEqual(urls({ filter: 'busy' }), ['/slow', '/quick']);
    assert.deepEqual(urls({ filter: '11' }), ['/idle']);
    assert.match(lines(three, { filter: 'nothing' }).join('\n'), /no lane holds that/);
  });

  it('shows the pools that matter most where not all have room', () => {
    const shown = lines(busyService(20, 2)(), {}, 100, 24).join('\n');
    assert.match(shown, /^legacy .*next spawn allowed in 2\.4 s/m);
    assert.match(shown, /^\d+ more pools$/m);
  });
});

describe('the keys of status --watch', () => {
  const press = (keys: string, from: Partial<WatchChoice> = {}): ReturnType<typeof pressKey> => {
    let choice: ReturnType<typeof pressKey> = { ...firstChoice, ...from };
    for (const key of keysOf(keys)) if (typeof choice === 'object') choice = pressKey(choice, key, 10, 30);
    return choice;
  };

  it('are told apart, escape sequences too', () => {
    assert.deepEqual(keysOf('q\x1b[A\x1bOB\x1b[5~é\x1b'), ['q', '\x1b[A', '\x1bOB', '\x1b[5~', 'é', '\x1b']);
  });

  it('end, stop, pause, sort and turn round', () => {
    assert.equal(press('q'), 'quit');
    assert.equal(press('/\x03'), 'quit', 'also while a filter is typed');
    assert.equal(press('\x1a'), 'suspend');
    assert.deepEqual(press('p'), { ...firstChoice, isPaused: true });
    assert.deepEqual(press('p '), firstChoice);
    assert.deepEqual(press('ssr'), { ...firstChoice, sort: 'requests', isReversed: true });
    assert.deepEqual(press('S'), { ...firstChoice, sort: 'pid' });
  });

  it('type a filter: q is a letter then, and Escape forgets it', () => {
    assert.deepEqual(press('/aq\x1b[Ax\x7f\r'), { ...firstChoice, filter: 'aq' });
    assert.deepEqual(press('/abc\x1b'), firstChoice);
    assert.deepEqual(press('\x1b', { filter: 'abc' }), firstChoice);
    assert.equal((press(`/${'x'.repeat(500)}\r`) as WatchChoice).filter.length, 100);
  });

  it('scroll from the first lane to the last, and no further', () => {
    assert.deepEqual(press('\x1b[B\x1b[Bk'), { ...firstChoice, scroll: 1 });
    assert.deepEqual(press('\x1b[A'), firstChoice);
    assert.deepEqual(press('\x1b[6~\x1b[6~\x1b[6~'), { ...firstChoice, scroll: 20 });
    assert.deepEqual(press('Gg'), firstChoice);
  });
});

describe('the rates of status --watch', () => {
  it('are those from one look to the next; another process begins anew', () => {
    const rates = new WatchRates();
    const durations = new Durations();
    const status = (finished: number, startedAt = 1) =>
      serviceStatus({
        startedAt,
        pools: [
          poolSnapshot({
            durations: durations.snapshot(),
            counters: { ...poolSnapshot().counters, finished, aborted: 0, refused: 0, failed: 0 },
          }),
        ],
      });
    for (let count = 0; count < 50; count += 1) durations.note(0, 5_000);
    rates.take(status(100), 0);
    assert.equal(rates.of(['php']).perSecond, null);
    durations.note(0, 10);
    rates.take(status(130), 2_000);
    const { perSecond, p95 } = rates.of(['php']);
    assert.equal(perSecond, 15);
    assert.ok(p95! > 7 && p95! <= 10, 'what came before is not of now');
    rates.take(status(3, 2), 3_000);
    assert.equal(rates.of(['php']).perSecond, null);
  });
});
