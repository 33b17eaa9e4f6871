import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { formatMetrics } from '../../src/admin/metrics.ts';
import { poolSnapshot, serviceStatus } from '../support/service-status.ts';

const page = readFileSync(new URL('../../docs/command-line.md', import.meta.url), 'utf8');
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
    const text = await formatMetrics(status);
    for (const line of [
      'postern_pool_ready{pool="php"} 1',
      'postern_pool_ready{pool="fpm"} 0',
      'postern_pool_accepted_total{pool="fpm"} 1204',
      'postern_server_rests{pool="fpm",server="127.0.0.1:9000"} 1',
      'postern_server_connections{pool="fpm",server="127.0.0.1:9000"} 3',
      'postern_faults_total 2',
      'postern_log_lost_lines_total 7',
      'postern_log_writable 0',
    ])
      assert.ok(text.split('\n').includes(line), line);
  });

  it('gives what the documentation lists, in the same words, and nothing else', async () => {
    const given = [...(await formatMetrics(status)).matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name, help]) => [
      name,
      help,
    ]);
    const listed = [...page.matchAll(/^\| `(postern_\w+)` \| (.*) \|$/gm)].map(([, name, help]) => [name, help]);
    assert.deepEqual(listed.sort(), given.sort());
  });
});
