// The figures of the bench: medians, ratios to targets, and how they are shown.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { formatMetric, median, medianSample } from '../../../bench/macro/metric.ts';
import { judgeTarget } from '../../../bench/macro/target.ts';

suite('metric', () => {
  test('median() is the middle value, or the mean of the two middle ones', () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([4, 1, 2, 100]), 3);
  });

  test('medianSample() takes each quantity by itself and leaves out what no round measured', () => {
    const samples = [
      { requestsPerSecond: 10, p99Ms: 3 },
      { requestsPerSecond: 30, p99Ms: 1 },
      { requestsPerSecond: 20, p99Ms: 2 },
    ];
    assert.deepEqual(medianSample(samples), { requestsPerSecond: 20, p99Ms: 2 });
    assert.deepEqual(medianSample([{ firstMs: Number.NaN }, { firstMs: 3, p99Ms: Number.NaN }]), { firstMs: 3 });
  });

  test('formatMetric() shows a quantity with its own number of digits, and a dash for none', () => {
    assert.equal(formatMetric('requestsPerSecond', 12345.6), '12,346');
    assert.equal(formatMetric('p50Ms', 0.5), '0.50');
    assert.equal(formatMetric('firstMs', undefined), '-');
  });
});

suite('target', () => {
  const medians = new Map([
    ['postern', { requestsPerSecond: 120, serverMicros: 50 }],
    ['nginx', { requestsPerSecond: 100, serverMicros: 40 }],
  ]);

  test('judgeTarget() says whether a ratio was reached', () => {
    const more = judgeTarget({ metric: 'requestsPerSecond', of: 'nginx', atLeast: 1 }, medians);
    assert.equal(more, 'reached  requests/s: 1.20 of nginx (target: at least 1)');
    const less = judgeTarget({ metric: 'serverMicros', of: 'nginx', atMost: 1 }, medians);
    assert.equal(less, 'MISSED   server CPU us/request: 1.25 of nginx (target: at most 1)');
  });

  test('judgeTarget() bounds a figure as it is when it names no peer', () => {
    const sentence = judgeTarget({ metric: 'serverMicros', atMost: 60 }, medians);
    assert.equal(sentence, 'reached  server CPU us/request: 50.0 (target: at most 60)');
  });

  test('judgeTarget() says nothing where Postern or the peer was left out', () => {
    assert.equal(judgeTarget({ metric: 'requestsPerSecond', of: 'caddy', atLeast: 2 }, medians), null);
    assert.equal(judgeTarget({ metric: 'requestsPerSecond', atLeast: 2 }, new Map()), null);
  });

  test('judgeTarget() takes it for missed that there was nothing to measure', () => {
    const sentence = judgeTarget({ metric: 'firstMs', atMost: 100 }, medians);
    assert.equal(sentence, 'MISSED   first answer ms: none (target: at most 100)');
  });
});
