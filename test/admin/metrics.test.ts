import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { formatMetrics } from '../../src/admin/metrics.ts';
import { laneSnapshot, measures, poolSnapshot, serviceStatus } from '../support/service-status.ts';

const page = readFileSync(new URL('../../docs/observing.md', import.meta.url), 'utf8');
const server = { address: '127.0.0.1:9000', isBackup: false, connections: 3, restsMs: 8_000 };
const status = serviceStatus({
  log: { lostLines: 7, trouble: 'ENOSPC' },
  faults: { count: 2, last: null },
  pools: [
    poolSnapshot(),
    poolSnapshot({ name: 'fpm', kind: 'connect', notReady: 'its server takes no connection', servers: [server] }),
  ],
});

describe('formatMetrics()', () => {
  it('has a line for each kind of pool, and says which cannot serve', async () => {
    const text = await formatMetrics(status, measures());
    for (const line of [
      'postern_pool_ready{pool="php"} 1',
      'postern_pool_ready{pool="fpm"} 0',
      'postern_pool_accepted_total{pool="fpm"} 1204',
      'postern_server_rests{pool="fpm",server="127.0.0.1:9000"} 1',
      'postern_server_connections{pool="fpm",server="127.0.0.1:9000"} 3',
      'postern_faults_total 2',
      'postern_log_lost_lines_total 7',
      'postern_log_writable 0',
      'postern_pool_refused_total{pool="php",cause="QUEUE_FULL"} 2',
      'postern_pool_saturation_ratio{pool="php"} 0.125',
      'postern_pool_cpu_seconds_total{pool="php"} 4.2',
      'postern_connections{thread="0"} 3',
      'http_server_active_requests 2',
      'nodejs_eventloop_delay_p99_seconds{thread="0"} 0.01',
    ])
      assert.ok(text.split('\n').includes(line), line);
  });

  it('says how many lanes each thread holds', async () => {
    const lanes = [0, 2, 2, null].map((thread, lane) => laneSnapshot({ lane, thread }));
    const [main] = measures().threads;
    const threads = [0, 1, 2].map((thread) => ({ ...main!, thread }));
    const text = await formatMetrics(serviceStatus({ pools: [poolSnapshot({ lanes })] }), { ...measures(), threads });
    assert.deepEqual(
      text.split('\n').filter((line) => line.startsWith('postern_pool_held_lanes{')),
      [1, 0, 2].map((count, thread) => `postern_pool_held_lanes{pool="php",thread="${thread}"} ${count}`),
    );
  });

  it('sums buckets up, as Prometheus has them', async () => {
    const lines = (await formatMetrics(status, measures())).split('\n');
    const name = 'http_server_request_duration_seconds';
    const labels = 'site="main",http_request_method="GET",http_response_status_code="200"';
    assert.deepEqual(
      lines.filter((line) => line.startsWith(name) && line.includes(labels)),
      [
        `${name}_bucket{${labels},le="0.01"} 3`,
        `${name}_bucket{${labels},le="0.1"} 5`,
        `${name}_bucket{${labels},le="+Inf"} 6`,
        `${name}_sum{${labels}} 0.5`,
        `${name}_count{${labels}} 6`,
      ],
    );
    assert.ok(lines.includes('postern_pool_run_seconds_bucket{pool="php",le="0.1"} 3'));
  });

  it('gives what the documentation lists, in the same words, and nothing else', async () => {
    const given = [...(await formatMetrics(status, measures())).matchAll(/^# HELP (\S+) (.*)$/gm)].map(
      ([, name, help]) => [name, help],
    );
    const listed = [...page.matchAll(/^\| `((?:postern|http|process|nodejs)_\w+)` \| (.*) \|$/gm)].map(
      ([, name, help]) => [name, help],
    );
    assert.deepEqual(listed.sort(), given.sort());
  });
});
