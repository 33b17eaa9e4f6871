import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { durationPattern, parseDuration, parseSize, sizePattern } from '../../src/config/key-types.ts';

describe('parseDuration()', () => {
  for (const [text, ms] of [
    ['0', 0],
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5s', 1_500],
    ['5m', 300_000],
    ['2 h', 7_200_000],
    ['1d', 86_400_000],
  ] as const) {
    it(`reads "${text}" as ${ms} ms`, () => {
      assert.match(text, durationPattern);
      assert.equal(parseDuration(text), ms);
    });
  }

  it('leaves what is not a duration to the pattern', () => {
    for (const text of ['', '5', '-1s', '5 minutes', '1e3s', 's', '5S', '5m3s'])
      assert.doesNotMatch(text, durationPattern);
  });
});

describe('parseSize()', () => {
  for (const [text, bytes] of [
    ['0', 0],
    ['512B', 512],
    ['64KB', 65_536],
    ['128MB', 134_217_728],
    ['128M', 134_217_728],
    ['1.5k', 1_536],
    ['1 GB', 1_073_741_824],
  ] as const) {
    it(`reads "${text}" as ${bytes} bytes`, () => {
      assert.match(text, sizePattern);
      assert.equal(parseSize(text), bytes);
    });
  }

  it('leaves what is not a size to the pattern', () => {
    for (const text of ['', '5', '-1MB', '5 megabytes', 'MB', '5TB', '5mbit']) assert.doesNotMatch(text, sizePattern);
  });
});
