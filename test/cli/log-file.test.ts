import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AccessLines } from '../../src/sites/access-log.ts';
import type { AccessRecord } from '../../src/sites/gateways.ts';
import { accessRecord as record } from '../support/access-record.ts';

describe('AccessLines', () => {
  const lines = new AccessLines();
  const wallMs = Date.UTC(2026, 0, 2, 3, 4, 5, 6);

  it('writes every value of a record, and what all lines of the log begin with', () => {
    const line = lines.format(record, wallMs);
    assert.ok(line.endsWith('\n'));
    const { script: _1, user: _2, contentLength: _3, asked: _4, traceId: _5, why: _6, ...written } = record;
    assert.deepEqual(JSON.parse(line), {
      level: 30,
      time: '2026-01-02T03:04:05.006Z',
      ...written,
      durationMs: 1.235,
      thread: 0,
      msg: 'request',
    });
    const traced = lines.format({ ...record, traceId: 'a'.repeat(32) }, wallMs, 2);
    const failed = lines.format({ ...record, error: 'NOT_FOUND', why: '/a"b: nothing is there' }, wallMs);
    assert.equal(JSON.parse(failed).why, '/a"b: nothing is there');
    assert.deepEqual([JSON.parse(traced).traceId, JSON.parse(traced).thread], ['a'.repeat(32), 2]);
  });

  it('escapes what JSON wants escaped', () => {
    for (const text of ['a"b', 'a\\x0d', '{"status":200}', 'a\nb', '\ud800', 'é€😀']) {
      const given = {
        ...record,
        userAgent: text,
        referer: text,
        site: text,
        method: text,
        url: text,
        host: text,
        remoteAddress: text,
        pool: text,
      };
      const line = lines.format({ ...given, error: text }, wallMs);
      assert.equal(line.indexOf('\n'), line.length - 1);
      const { url, host, method, pool, site, remoteAddress, error, userAgent, referer } = JSON.parse(line);
      assert.deepEqual([url, host, method, pool, site, remoteAddress, error, userAgent, referer], Array(9).fill(text));
    }
  });

  it('writes the same line of a record whatever lines came before', () => {
    const of = (bits: number): AccessRecord => ({
      ...record,
      status: bits & 1 ? 200 : 404,
      bytes: bits & 2 ? 6 : 1_000,
      url: bits & 4 ? '/a' : '/b',
      host: bits & 8 ? 'a.example' : 'é.example',
      attempts: bits & 16 ? 1 : 2,
      userAgent: bits & 32 ? 'one' : null,
      waitedMs: bits & 64 ? 0 : 1.5,
      pool: bits & 128 ? 'php' : null,
    });
    let seed = 1;
    for (let round = 0; round < 3_000; round += 1) {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      // Some change much from line to line, others only one bit of it.
      const bits = round % 3 === 0 ? seed >>> 24 : 255 ^ (1 << (seed >>> 29));
      assert.equal(lines.format(of(bits), wallMs, round % 2), new AccessLines().format(of(bits), wallMs, round % 2));
    }
  });

  it('tells the time of each line', () => {
    const times = [wallMs, wallMs, wallMs + 1].map((at) => JSON.parse(lines.format(record, at)).time.slice(-4));
    assert.deepEqual(times, ['006Z', '006Z', '007Z']);
  });
});
