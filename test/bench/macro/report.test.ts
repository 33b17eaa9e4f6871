// The reports of the bench: tables and charts are made from the same data.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { CaseReport } from '../../../bench/macro/report/case-report.ts';
import { chartOf } from '../../../bench/macro/report/chart.ts';
import { markdownTable, textTable } from '../../../bench/macro/report/table.ts';

const report: CaseReport = {
  name: 'hello',
  title: 'a <line> of PHP & more',
  when: '2026-01-01T00:00:00.000Z',
  machine: 'a machine',
  settings: { rounds: 3, seconds: 5 },
  headline: 'requestsPerSecond',
  columns: ['p50Ms', 'requestsPerSecond'],
  peers: [
    { name: 'postern', title: 'Postern', median: { requestsPerSecond: 1500, p50Ms: 0.25 }, samples: [] },
    { name: 'nginx', title: 'nginx', median: { requestsPerSecond: 1000 }, samples: [] },
  ],
  left: {},
  targets: [],
};

suite('report', () => {
  test('the table begins with the headline and its ratio to nginx, whatever the order of the columns', () => {
    assert.equal(
      markdownTable(report),
      `|  | requests/s | ratio to nginx | p50 ms |
| --- | ---: | ---: | ---: |
| Postern | 1,500 | 1.50 | 0.25 |
| nginx | 1,000 | 1.00 | - |`,
    );
    assert.equal(
      textTable(report),
      `         requests/s  ratio to nginx  p50 ms
Postern       1,500            1.50    0.25
nginx         1,000            1.00       -`,
    );
  });

  test('the chart escapes what it is given and draws bars in proportion', () => {
    const chart = chartOf(report);
    assert.match(chart, /hello: a &lt;line&gt; of PHP &amp; more/);
    const widths = [...chart.matchAll(/<rect x="\d[^>]* width="([\d.]+)"/g)].map((match) => Number(match[1]));
    assert.equal(widths.length, 2);
    assert.ok(Math.abs(widths[0]! / widths[1]! - 1.5) < 0.01);
  });
});
