import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatStatus } from '../../src/admin/status-text.ts';
import { laneSnapshot, poolSnapshot, serviceStatus } from '../support/service-status.ts';

describe('formatStatus()', () => {
  it('shows which thread holds a lane, where there are several', () => {
    const lanes = [laneSnapshot({ thread: 2 }), laneSnapshot({ lane: 1, thread: null })];
    const text = formatStatus(serviceStatus({ pools: [poolSnapshot({ lanes })] }));
    const rows = text.split('\n').filter((line) => /^ +(?:lane +pid|[01] +4242) /.test(line));
    assert.deepEqual(
      rows.map((row) => row.trim().split(/ +/)[3]),
      ['thread', '2', '-'],
    );
  });

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
  limited   minBodyRate: 2

pool php  php-cgi 8.2.36 (/usr/bin/php-cgi)
  1 busy, 3 idle of 8; 0 waiting of 512
  requests  1,204 accepted, 1,199 finished, 3 refused, 1 failed
  refused   QUEUE_FULL 2, QUEUE_TIMEOUT 1
  peaks     4 running, 2 waiting, limit reached once
  workers   generation 1, 2 started, 1 ended: crash
  governor  next spawn allowed in 2.4 s: 4 crashes in 3 s (exit 255) (score 12.0)

  lane   pid  gen  state  requests        age  memory  waited    ran  last end  request
     0  4242    1  busy          1  1 min 5 s   28 MB  250 us  2.4 s  -         POST /wp-admin/post.php
     1  4243    1  idle          1  1 min 5 s   28 MB  250 us  12 ms  crash     GET /a?b
  2 more idle, not needed yet
`,
    );
  });

  it('keeps to the width of the terminal by cutting the request, and leaves out what is least needed', () => {
    const pools = [poolSnapshot({ lanes: [laneSnapshot({ url: `/${'x'.repeat(300)}` })] })];
    const text = (width: number): string => formatStatus(serviceStatus({ pools }), { width });
    for (const width of [80, 120]) {
      const lines = text(width).split('\n');
      assert.ok(
        lines.every((line) => line.length <= width),
        lines.join('\n'),
      );
      assert.ok(lines.some((line) => /GET \/x{10,}…$/.test(line)));
    }
    assert.match(text(120), /gen .*memory .*waited/);
    assert.doesNotMatch(text(80), /gen {2}|memory|waited/);
  });

  it('says of a lane that is being stopped why it is, and of others how the process before ended', () => {
    const lanes = [
      laneSnapshot({ state: 'draining', reason: 'reload' }),
      laneSnapshot({ lane: 1, reason: 'max-age' }),
      laneSnapshot({ lane: 2, pid: 0, reason: 'crash' }),
    ];
    const lines = formatStatus(serviceStatus({ pools: [poolSnapshot({ lanes })] })).split('\n');
    assert.match(lines.find((line) => line.includes('draining')) ?? '', /draining: reload .* - {9}GET/);
    assert.match(lines.find((line) => line.includes('max-age')) ?? '', /idle .* max-age {3}GET/);
    assert.match(lines.find((line) => line.includes('crash ')) ?? '', /2 {5}- .* idle +1 {10}- /, 'no process, no age');
  });

  it('shows each problem of a failed reload on a line of its own', () => {
    const message = 'not reloaded: a.toml:3: one\na.toml:4: two';
    const text = formatStatus(serviceStatus({ lastReload: { at: 0, ok: false, message } }));
    assert.match(text, /\n {2}reload {4}\d\d:00:00 not reloaded: a\.toml:3: one\n {12}a\.toml:4: two\n/);
  });

  it('says why it is not ready, what the last reload did, and pools without processes of ours', () => {
    const text = formatStatus(
      serviceStatus({
        notReady: ['pool php has no worker that is ready'],
        lastReload: { at: 0, ok: false, message: 'not reloaded' },
        pools: [
          poolSnapshot({
            name: 'far',
            kind: 'connect',
            program: '10.0.0.1:9000',
            lanes: [],
            servers: [{ address: '10.0.0.1:9000', isBackup: false, connections: 2, restsMs: 0 }],
          }),
        ],
      }),
    );
    assert.match(text, /not ready: pool php has no worker that is ready/);
    assert.match(text, /reload {4}\d\d:00:00 not reloaded/);
    assert.match(
      text,
      /pool far {2}10\.0\.0\.1:9000\n {2}1 busy of 8; 0 waiting of 512\n {2}requests {2}1,204 accepted/,
    );
    assert.match(text, /server {4}10\.0\.0\.1:9000 {2}up, 2 connections/);
    assert.doesNotMatch(text, /governor/);
  });
});
