import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fpmStatus } from '../../src/admin/fpm-status.ts';
import { laneSnapshot, poolSnapshot } from '../support/service-status.ts';

const lanes = [
  laneSnapshot({ state: 'busy', url: '/a"</process>&<b>', script: '/srv/"a".php', runMs: 1.5, requests: 4 }),
  laneSnapshot({ state: 'idle', pid: 0, requests: 0, method: '', url: '', script: '', runMs: 0, workedMs: 0 }),
  laneSnapshot({ state: 'starting' }),
  laneSnapshot({ state: 'stopping' }),
];
const pool = poolSnapshot({ lanes, startedAt: 60_000 });
const page = (query: string): string => fpmStatus(pool, query, 100_000).body;

describe('fpmStatus()', () => {
  it('counts processes that serve or could, and none that starts or leaves', () => {
    const { processes, ...status } = JSON.parse(page('json&full'));
    assert.deepEqual(
      [status['idle processes'], status['active processes'], status['total processes'], processes.length],
      [1, 1, 2, 2],
    );
  });

  it('has the request that runs among those of its process, and durations in microseconds', () => {
    const [running, fresh] = JSON.parse(page('json&full')).processes;
    assert.deepEqual([running.requests, running['request duration'], running['last request cpu']], [5, 1_500, 0]);
    assert.deepEqual([fresh.pid, fresh['start time'], fresh['start since'], fresh.script], [0, 60, 40, '-']);
  });

  it('escapes what clients wrote, for each format', () => {
    assert.equal(JSON.parse(page('json&full')).processes[0]['request uri'], '/a"</process>&<b>');
    for (const format of ['xml', 'html']) {
      assert.ok(!page(`${format}&full`).includes('<b>'), format);
      assert.ok(page(`${format}&full`).includes('/a&quot;&lt;/process&gt;&amp;&lt;b&gt;'), format);
    }
  });

  it('finds the format as PHP-FPM does: by names of the query, whatever their value, html before xml before json', () => {
    const type = (query: string): string =>
      fpmStatus(pool, query, 100_000).type.replace(/[;]? ?charset.*|; version.*/, '');
    assert.deepEqual(['', 'json=0', 'json&xml', 'xml&html', 'openmetrics&json', 'JSON', 'a=json'].map(type), [
      'text/plain',
      'application/json',
      'text/xml',
      'text/html',
      'application/json',
      'text/plain',
      'text/plain',
    ]);
  });
});
