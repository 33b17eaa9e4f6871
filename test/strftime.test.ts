import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { commonLogTime, compileTime } from '../src/strftime.ts';

const at = new Date(2026, 10, 8, 4, 5, 9, 120).getTime();

describe('compileTime()', () => {
  it('knows the conversions of strftime(3) in the C locale', () => {
    const text = compileTime('%a %A %b %B %d|%e %F %H %I %j %m %M %p %R %S %T %u %w %y %Y %% %Q')(at);
    assert.equal(
      text,
      'Sun Sunday Nov November 08| 8 2026-11-08 04 04 312 11 05 AM 04:05 09 04:05:09 7 0 26 2026 % %Q',
    );
  });

  it('has the zone as minutes before or after UTC, and seconds since 1970', () => {
    assert.match(commonLogTime(at), /^08\/Nov\/2026:04:05:09 [+-]\d{4}$/);
    assert.equal(compileTime('%s')(at), String(Math.floor(at / 1000)));
  });

  it('makes another text when the second is another', () => {
    const time = compileTime('%S');
    assert.deepEqual([time(at), time(at + 500), time(at + 900)], ['09', '09', '10']);
  });
});
