import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatStatus } from '../../src/admin/status-text.ts';
import { laneSnapshot, poolSnapshot, serviceStatus } from '../support/service-status.ts';

describe('formatStatus()', () => {
  it('shows each lane with what it does', () => {
    const lanes = [
      laneSnapshot({ state: 'busy', method: 'POST', url: '/wp-admin/post.php', runMs: 2_400 }),
      laneSnapshot({ lane: 1, pid: 4243, reason: 'crash' }),
      laneSnapshot({ lane: 2, pid: 0, requests: 0, method: '', url: '' }),
      laneSnapshot({ lane: 3, pid: 0, requests: 0, method: '', url: '' }),
      laneSnapshot({ lane: 4, state: 'gone' }),
    ];
    const text = formatStatus(
      serviceStatus({
        pools: [
          poolSnapshot({ lanes, governor: 'next spawn allowed in 2.4 s: 4 crashes in 3 s (exit 255)', spawnScore: 12 }),
        ],
      }),
    );
    assert.equal(
      text,
      `Postern 1.2.3  pid 4240, up 1 min 5 s, ready
  main      http://127.0.0.1:8000/  /srv/www
  admin     http://127.0.0.1:2020/
  config    /etc/postern.toml
  answers   200: 12

pool php  php-cgi 8.2.36 (/usr/bin/php-cgi)
  1 busy, 3 idle of 8; 0 waiting of 512
  requests  1,204 accepted, 1,200 finished, 3 refused, 1 aborted, 0 retried
  peaks     4 running, 2 waiting, limit reached once
  workers   generation 1, 2 started, 1 ended: crash
  governor  next spawn allowed in 2.4 s: 4 crashes in 3 s (exit 255) (score 12.0)

  lane   pid  gen  state  requests        age  memory  waited    ran  reason  request
     0  4242    1  busy          1  1 min 5 s   28 MB  250 us  2.4 s  -       POST /wp-admin/post.php
     1  4243    1  idle          1  1 min 5 s   28 MB  250 us  12 ms  crash   GET /a?b
  2 more idle, not needed yet
`,
    );
  });

  it('keeps to the width of the terminal by cutting the request', () => {
    const pools = [poolSnapshot({ lanes: [laneSnapshot({ url: `/${'x'.repeat(300)}` })] })];
    const lines = formatStatus(serviceStatus({ pools }), { width: 100 }).split('\n');
    assert.ok(
      lines.every((line) => line.length <= 100),
      lines.join('\n'),
    );
    assert.ok(lines.some((line) => line.endsWith('…')));
  });

  it('says why it is not ready, what the last reload did, and pools without processes of ours', () => {
    const text = formatStatus(
      serviceStatus({
        notReady: ['pool php has no worker that is ready'],
        lastReload: { at: 0, ok: false, message: 'not reloaded' },
        pools: [],
        otherPools: [
          { name: 'far', program: '10.0.0.1:9000', running: 1, waiting: 0, finished: 7, failed: 2, aborted: 0 },
        ],
      }),
    );
    assert.match(text, /not ready: pool php has no worker that is ready/);
    assert.match(text, /reload {4}\d\d:00:00 not reloaded/);
    assert.match(
      text,
      /pool far {2}10\.0\.0\.1:9000\n {2}requests {2}1 running, 0 waiting, 7 finished, 2 failed, 0 aborted/,
    );
  });
});
