import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { durationBoundsMs } from '../../src/queue/queue-books.ts';
import { HttpDurations, httpBoundsS, readHttpDurations } from '../../src/sites/http-durations.ts';

const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

describe('HttpDurations', () => {
  it('counts a request in the bucket that its duration is at or below', () => {
    const durations = new HttpDurations();
    for (const ms of [0.1, 0.5, 0.6, 10_000, 10_001]) durations.note('main', 'GET', 200, ms);
    const [series, second] = durations.snapshot();
    assert.equal(second, undefined);
    assert.deepEqual([series?.site, series?.method, series?.status], ['main', 'GET', 200]);
    assert.deepEqual(
      [series?.counts[0], series?.counts[1], series?.counts.at(-2), series?.counts.at(-1)],
      [2, 1, 1, 1],
    );
    assert.ok(Math.abs(series!.sumS - 20.002_2) < 1e-9);
  });

  it('tells sites, methods and statuses apart; what no specification names is one method', () => {
    const durations = new HttpDurations();
    for (const method of ['GET', 'BREW', 'FOO', 'PROPFIND', 'POST']) durations.note('main', method, 200, 1);
    durations.note('other', 'GET', 404, 1);
    durations.note('main', 'GET', 503, 1);
    durations.note('main', 'GET', 999, 1);
    assert.deepEqual(
      durations.snapshot().map(({ site, method, status, counts }) => `${site} ${method} ${status} ${total(counts)}`),
      ['main GET 200 1', 'main _OTHER 200 3', 'main POST 200 1', 'other GET 404 1', 'main GET 503 1', 'main GET 999 1'],
    );
  });

  it('sums up what several threads have counted, in whatever order they met it', () => {
    const [one, two] = [new HttpDurations(), new HttpDurations()];
    one.note('a', 'GET', 200, 1);
    one.note('b', 'GET', 200, 1);
    two.note('b', 'GET', 200, 1);
    two.note('c', 'GET', 200, 1);
    const sums = readHttpDurations([one.buffer, two.buffer]);
    assert.deepEqual(
      sums.map(({ site, counts }) => [site, total(counts)]),
      [
        ['a', 1],
        ['b', 2],
        ['c', 1],
      ],
    );
  });

  it('counts what is beyond its room in one series, and loses nothing', () => {
    const durations = new HttpDurations();
    for (let site = 0; site < 1_500; site += 1) durations.note(`s${site}`, 'GET', 200, 1);
    const series = durations.snapshot();
    assert.equal(series.length, 1_024);
    assert.equal(total(series.flatMap(({ counts }) => counts)), 1_500);
    assert.equal(total(series.find(({ site }) => site === '')!.counts), 1_500 - 1_023);
  });

  it('has bounds of which each is one of a pool’s', () => {
    assert.deepEqual(
      httpBoundsS.filter((bound) => !durationBoundsMs.includes(bound * 1000)),
      [],
    );
  });
});
