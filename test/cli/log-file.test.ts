import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AccessLines } from '../../src/cli/log-file.ts';
import type { AccessRecord } from '../../src/gateway/request-log.ts';

const record: AccessRecord = {
  site: 'main',
  method: 'GET',
  url: '/a?b=1',
  version: '1.1',
  host: 'example.org',
  remoteAddress: '::1',
  status: 200,
  bytes: 5,
  durationMs: 1.23456789,
  waitedMs: null,
  runMs: 0,
  pool: 'php',
  outcome: 'complete',
  error: null,
};

describe('AccessLines', () => {
  const lines = new AccessLines();
  const wallMs = Date.UTC(2026, 0, 2, 3, 4, 5, 6);

  it('writes every value of a record, and what all lines of the log begin with', () => {
    const line = lines.format(record, wallMs);
    assert.ok(line.endsWith('\n'));
    assert.deepEqual(JSON.parse(line), {
      level: 30,
      time: '2026-01-02T03:04:05.006Z',
      ...record,
      durationMs: 1.235,
      msg: 'request',
    });
  });

  it('escapes what JSON wants escaped', () => {
    for (const text of ['a"b', 'a\\x0d', '{"status":200}', 'a\nb', '\ud800', 'é€😀']) {
      const given = { ...record, site: text, method: text, url: text, host: text, remoteAddress: text, pool: text };
      const line = lines.format({ ...given, error: text }, wallMs);
      assert.equal(line.indexOf('\n'), line.length - 1);
      const { url, host, method, pool, site, remoteAddress, error } = JSON.parse(line);
      assert.deepEqual([url, host, method, pool, site, remoteAddress, error], Array(7).fill(text));
    }
  });

  it('tells the time of each line', () => {
    const times = [wallMs, wallMs, wallMs + 1].map((at) => JSON.parse(lines.format(record, at)).time.slice(-4));
    assert.deepEqual(times, ['006Z', '006Z', '007Z']);
  });
});
