import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compileAccessFormat } from '../src/access-format.ts';
import { accessRecord as record } from './support/access-record.ts';

const wallMs = new Date(2026, 10, 8, 4, 5, 9, 500).getTime();
const line = (format: string, changes: Partial<typeof record> = {}): string =>
  compileAccessFormat(format).line({ ...record, ...changes }, wallMs);

describe('compileAccessFormat()', () => {
  it('knows the letters of PHP-FPM', () => {
    assert.equal(
      line('%% %R %u %m %r %Q %q %s %f %n %p %l %C%M'),
      '% 192.0.2.7 joe GET /a.php ? b=1 200 /srv/www/a.php php 4242 0 --',
    );
    assert.equal(line('%r%Q%q|', { url: '/a' }), '/a|');
    assert.equal(line('%d %{seconds}d %{milli}d %{mili}d %{microseconds}d'), '0.001 0.001 1.235 1.235 1235');
    assert.equal(line('%P'), String(process.pid));
    assert.equal(line('%R - %u', { user: null }), '192.0.2.7 - -');
  });

  it('has the time at which a request came, and that of its line', () => {
    const [came, wrote] = line('%{%T}t %{%T}T', { durationMs: 3_000 }).split(' ');
    assert.deepEqual([came, wrote], ['04:05:06', '04:05:09']);
    assert.match(line('%t'), /^\[08\/Nov\/2026:04:05:09 [+-]\d{4}\]$/);
  });

  it('asks for variables and fields by name, and shows none that holds a secret', () => {
    const format = compileAccessFormat('%{REMOTE_PORT}e %{X-Cache}o %{HTTP_COOKIE}e %{Set-Cookie}o %{HTTP_X}e');
    assert.deepEqual(format.asks, ['e:REMOTE_PORT', 'o:x-cache', 'e:HTTP_X']);
    const asked = { 'e:REMOTE_PORT': '4711', 'o:x-cache': 'HIT' };
    assert.equal(format.line({ ...record, asked }, wallMs), '4711 HIT *** *** -');
  });

  it('writes what Apache and nginx call combined and common', () => {
    assert.match(
      line('combined', { referer: 'http://a/' }),
      /^192\.0\.2\.7 - joe \[08\/Nov\/2026:04:05:09 [+-]\d{4}\] "GET \/a\.php\?b=1 HTTP\/1\.1" 200 5 "http:\/\/a\/" "curl\/8"$/,
    );
    assert.match(line('common'), /HTTP\/1\.1" 200 5$/);
  });

  it('lets nothing that a client sends end its quotes', () => {
    assert.ok(line('combined', { userAgent: 'a" 200 0 "b\\' }).endsWith('"a\\x22 200 0 \\x22b\\x5c"'));
  });

  it('refuses what PHP-FPM has no letter for', () => {
    for (const format of ['%y', '%A', '%{bad unit}d', '%{}e', '100%'])
      assert.throws(() => compileAccessFormat(format), /%/, format);
  });
});
