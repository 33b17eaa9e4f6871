import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { changeHeader, type HeaderRule, statusesOf } from '../../src/rules/header-rule.ts';

const nothing: HeaderRule = { set: [], add: [], remove: [], expiresS: null, statuses: null };
const setting = (name: string, ...values: string[]): HeaderRule => ({ ...nothing, set: [{ name, values }] });

describe('the header that rules change', () => {
  it('has a field once that is set, in place of the one that was there', () => {
    assert.deepEqual(changeHeader([setting('X-A', 'new')], 200, ['x-a', 'old', 'B', '1', 'X-A', 'older'], 0), [
      ...['B', '1', 'X-A', 'new'],
    ]);
  });

  it('follows the first rule that sets or removes a field', () => {
    const rules = [
      setting('A', '1'),
      setting('A', '2'),
      { ...nothing, remove: ['a'] },
      { ...nothing, remove: ['b'] },
      setting('B', '2'),
    ];
    assert.deepEqual(changeHeader(rules, 200, ['B', '0'], 0), ['A', '1']);
  });

  it('has all that is added', () => {
    const rule: HeaderRule = { ...nothing, add: [{ name: 'Link', values: ['<a>', '<b>'] }] };
    assert.deepEqual(changeHeader([rule, rule], 200, ['Link', '<c>'], 0), [
      ...['Link', '<c>', 'Link', '<a>', 'Link', '<b>', 'Link', '<a>', 'Link', '<b>'],
    ]);
  });

  it('tells caches nothing of errors, unless a rule says so', () => {
    const rules = [setting('Cache-Control', 'max-age=9'), setting('X-Frame-Options', 'DENY')];
    assert.deepEqual(changeHeader(rules, 404, [], 0), ['X-Frame-Options', 'DENY']);
    assert.deepEqual(changeHeader(rules, 304, [], 0), ['Cache-Control', 'max-age=9', 'X-Frame-Options', 'DENY']);
    const always = { ...setting('Cache-Control', 'max-age=9'), statuses: new Set([404]) };
    assert.deepEqual(changeHeader([always], 404, [], 0), ['Cache-Control', 'max-age=9']);
    assert.deepEqual(changeHeader([always], 200, [], 0), []);
  });

  it('says how long an answer may be kept, where nobody else has said so', () => {
    const rule = { ...nothing, expiresS: 60 };
    const kept = ['Expires', 'Thu, 01 Jan 1970 00:01:00 GMT', 'Cache-Control', 'max-age=60'];
    assert.deepEqual(changeHeader([rule], 200, [], 0), kept);
    assert.deepEqual(changeHeader([rule], 500, [], 0), []);
    assert.deepEqual(changeHeader([rule], 200, ['Cache-Control', 'private'], 0), ['Cache-Control', 'private']);
    assert.deepEqual(changeHeader([rule], 200, ['Set-Cookie', 'a=b'], 0), ['Set-Cookie', 'a=b']);
    assert.deepEqual(changeHeader([rule, setting('Cache-Control', 'x')], 200, [], 0), ['Cache-Control', 'x']);
    assert.deepEqual(changeHeader([{ ...nothing, expiresS: 0 }], 200, [], 0), ['Cache-Control', 'no-cache']);
  });

  it('reads statuses', () => {
    assert.deepEqual(statusesOf('404'), [404]);
    assert.equal(statusesOf('4xx')?.length, 100);
    assert.equal(statusesOf('all')?.length, 400);
    assert.equal(statusesOf('1xx'), null);
  });
});
