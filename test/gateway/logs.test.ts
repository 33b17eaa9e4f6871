import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PosternError } from '../../src/errors.ts';
import { RecordRate } from '../../src/gateway/record-rate.ts';
import { StderrLog } from '../../src/gateway/stderr-log.ts';
import { urlForLog } from '../../src/protocol/text.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { ask, httpRequest } from '../support/recording-answer.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { makeSite } from '../support/site.ts';

describe('the access log', () => {
  it('has one record a request', async (t) => {
    const clock = new FakeClock();
    const { gateway, backend, access } = makeSite(t, { 'index.php': '', 'a.css': 'css' }, {}, clock);
    backend.script = () => {
      clock.advance(12);
      return 'hello';
    };
    const headers = [
      ...['Host', 'example.org', 'Authorization', 'Basic c2VjcmV0', 'Cookie', 'session=secret'],
      ...[
        'User-Agent',
        'curl/8',
        'Referer',
        'http://a.example/?token=x',
        'Traceparent',
        `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
      ],
    ];
    await ask(gateway.handle, httpRequest('/index.php?a=b', { headers }));
    await ask(gateway.handle, '/a.css');
    await ask(gateway.handle, '/none');
    const { requestId, ...record } = access[0]!;
    assert.match(requestId, /^[\w-]{7}-01$/);
    assert.deepEqual(record, {
      site: 'test',
      method: 'GET',
      url: '/index.php?a=b',
      version: '1.1',
      host: 'example.org',
      remoteAddress: '192.0.2.1',
      status: 200,
      bytes: 5,
      durationMs: 12,
      waitedMs: null,
      runMs: 12,
      firstByteMs: 12,
      pool: 'scripted',
      pid: 0,
      attempts: 0,
      outcome: 'complete',
      error: null,
      why: null,
      userAgent: 'curl/8',
      referer: 'http://a.example/?token=***',
      traceId: 'a'.repeat(32),
      script: null,
      user: null,
      contentLength: null,
      asked: null,
    });
    assert.deepEqual(access.map(({ status, bytes, pool, error }) => [status, bytes, pool, error]).slice(1), [
      [200, 3, null, null],
      [404, access[2]!.bytes, null, 'NOT_FOUND'],
    ]);
  });

  it('blanks credentials in addresses, and escapes what a terminal would obey', () => {
    const urls: readonly [string, string][] = [
      ['/a?user=me&password=x&b=c', '/a?user=me&password=***&b=c'],
      ['/a?ACCESS_TOKEN=x', '/a?ACCESS_TOKEN=***'],
      ['/a?tokens=3&api_key=x', '/a?tokens=3&api_key=***'],
      ['/password=x', '/password=x'],
      ['http://me:secret@example.org/a@b?token=x', 'http://***@example.org/a@b?token=***'],
      // Marks of writing direction, in UTF-8: they show "gpj.php" as "php.jpg".
      ['/\xe2\x80\xaegpj.php\xe2\x81\xa6', '/\\x202egpj.php\\x2066'],
      ['/\x1b[31m\xc3\xa9\xc2\x9b', '/\\x1b[31m\u00e9\\x9b'],
      [`/${'a'.repeat(3000)}`, `/${'a'.repeat(2047)}...`],
    ];
    for (const [url, shown] of urls) assert.equal(urlForLog(url), shown);
  });
});

describe('the error log', () => {
  it('names the request, the pool and what the error knows', async (t) => {
    const { gateway, backend, log, access } = makeSite(t);
    backend.script = () => {
      throw new PosternError('CONNECTION_LOST', 'php-cgi ended', { fields: { pid: 7, signal: 'SIGKILL' } });
    };
    await ask(gateway.handle, '/index.php?token=x');
    const { requestId, ...fields } = log.records[0]!.fields;
    assert.equal(requestId, access[0]!.requestId);
    assert.deepEqual(
      [{ ...log.records[0], fields }, log.records.length],
      [
        {
          level: 'error',
          message: 'php-cgi ended',
          fields: {
            pid: 7,
            signal: 'SIGKILL',
            code: 'CONNECTION_LOST',
            method: 'GET',
            url: '/index.php?token=***',
            pool: 'scripted',
          },
        },
        1,
      ],
    );
  });

  it('has the stack of what nobody expected', async (t) => {
    const { gateway, backend, log } = makeSite(t);
    backend.script = () => {
      throw new TypeError('a bug');
    };
    await ask(gateway.handle, '/');
    assert.equal(log.records[0]?.fields.code, 'INTERNAL');
    assert.match(String(log.records[0]?.fields.stack), /^TypeError: a bug\n +at .*logs\.test\.ts/);
  });

  it("says nothing of what is the client's own doing", async (t) => {
    const { gateway, log } = makeSite(t);
    for (const target of ['/none', '/%00', '/.env']) await ask(gateway.handle, target);
    assert.deepEqual(log.records, []);
  });

  it('has a limited number of records a second, and counts the others', async (t) => {
    const clock = new FakeClock();
    const { gateway, backend, log } = makeSite(t, undefined, {}, clock);
    backend.script = () => {
      throw new PosternError('QUEUE_FULL', 'full');
    };
    for (let i = 0; i < 150; i++) await ask(gateway.handle, '/');
    assert.equal(log.records.length, 100);
    clock.advance(1000);
    await ask(gateway.handle, '/');
    assert.equal(log.records.at(-1)?.fields.droppedRecords, 50);
  });
});

describe('the log of STDERR', () => {
  const records = (...chunks: readonly string[]) => {
    const log = new RecordingLog();
    const clock = new FakeClock();
    const stderr = new StderrLog(log, { pool: 'php' }, new RecordRate(clock), clock);
    for (const chunk of chunks) stderr.write(Buffer.from(chunk));
    stderr.end();
    return log.records;
  };
  const write = (...chunks: readonly string[]) => records(...chunks).map(({ message }) => message);

  it('has one record a line that says something of its own, however the bytes are cut', () => {
    assert.deepEqual(write('one\ntw', 'o\r', '\n\n', 'three'), ['one', 'two', 'three']);
  });

  it('keeps the lines of one message together, whole, wherever they are cut', () => {
    const thrown =
      "PHP Fatal error:  Uncaught Exception: no in /srv/www/a.php:3\nStack trace:\n#0 /srv/www/b.php(7): f('x')\n#1 {main}\n  thrown in /srv/www/a.php on line 3";
    const text = `before\n${thrown}\nPHP Warning:  Undefined variable $x in /srv/www/a.php on line 9\nafter\n`;
    const expected = ['before', thrown, 'PHP Warning:  Undefined variable $x in /srv/www/a.php on line 9', 'after'];
    for (const at of [1, 20, 90, 150, text.length - 2])
      assert.deepEqual(write(text.slice(0, at), text.slice(at)), expected);
  });

  it('keeps a text with line ends together, until PHP says where it was', () => {
    const refused =
      "PHP Fatal error:  Uncaught PDOException: syntax error near 'FROM\nusers'\nLINE 1: x in /srv/www/a.php:3\nStack trace:";
    const thrown = `${refused}\n#0 /srv/www/b.php(7): f('x')\n#1 {main}\n  thrown in /srv/www/a.php on line 3`;
    const warned = 'PHP message: PHP Warning:  one\n\ntwo in /srv/www/a.php on line 9';
    const found = records(`${thrown}\nnext\n${warned}\nlast\nPHP Notice:  open\nPHP Notice:  too in /a on line 1\n`);
    assert.deepEqual(
      found.map(({ message, fields: { severity, file, line } }) => [message, severity, file, line]),
      [
        [thrown, 'Fatal error', '/srv/www/a.php', 3],
        ['next', undefined, undefined, undefined],
        ['PHP Warning:  one\ntwo in /srv/www/a.php on line 9', 'Warning', '/srv/www/a.php', 9],
        ['last', undefined, undefined, undefined],
        ['PHP Notice:  open', 'Notice', undefined, undefined],
        ['PHP Notice:  too in /a on line 1', 'Notice', '/a', 1],
      ],
    );
  });

  it('takes no line of another into one that is too long to show its end', () => {
    const long = `PHP Warning:  ${'y'.repeat(5_000)} in /a.php on line 3`;
    const [first, second] = write(`${long}\npayment failed for order 7\n`);
    assert.ok(first!.startsWith('PHP Warning:  yyy'));
    assert.equal(second, 'payment failed for order 7');
  });

  it('gives what PHP says its severity, and the place', () => {
    const found = records(
      'PHP Fatal error:  Uncaught Exception: no in /srv/www/a.php:3\nStack trace:\n#0 {main}\n  thrown in /srv/www/a.php on line 3\n',
      'PHP message: PHP Deprecated:  old() in /srv/www/b.php on line 12\n',
      'PHP Warning:  odd in /srv/www/c.php on line 1\n',
      'something of a program\n',
      'PHP message: my own line\n',
    );
    assert.deepEqual(
      found.map(({ level, message, fields: { severity, file, line } }) => [
        level,
        severity,
        file,
        line,
        message.slice(0, 16),
      ]),
      [
        ['error', 'Fatal error', '/srv/www/a.php', 3, 'PHP Fatal error:'],
        ['info', 'Deprecated', '/srv/www/b.php', 12, 'PHP Deprecated: '],
        ['warn', 'Warning', '/srv/www/c.php', 1, 'PHP Warning:  od'],
        ['warn', undefined, undefined, undefined, 'something of a p'],
        ['warn', undefined, undefined, undefined, 'my own line'],
      ],
    );
  });

  it('tells what was said last though the program goes on', () => {
    const log = new RecordingLog();
    const clock = new FakeClock();
    const stderr = new StderrLog(log, {}, new RecordRate(clock), clock);
    stderr.write(Buffer.from('I hang now\n'));
    assert.deepEqual(log.records, []);
    clock.advance(1_000);
    assert.deepEqual(
      log.records.map(({ message }) => message),
      ['I hang now'],
    );
    stderr.end();
    assert.equal(log.records.length, 1);
    stderr.write(Buffer.from('PHP message: one\n  and more of it'));
    clock.advance(1_000);
    assert.equal(log.matching(/^one\n {2}and more of it$/).length, 1, 'PHP-FPM has not ended that line');
  });

  it('escapes control bytes', () => assert.deepEqual(write('a\x1b[2Jb\0\n'), ['a\\x1b[2Jb\\x00']));

  it('cuts what is too long, without keeping it', () => {
    const [line] = write('x'.repeat(3000), 'x'.repeat(3_000_000), '\n');
    assert.equal(line?.length, 4096 + '...'.length);
  });

  it('cuts a message of many lines, too', () => {
    const [message, second] = write('begins\n', ' goes on\n'.repeat(10_000));
    assert.equal(message?.length, 4096 + '...'.length);
    assert.equal(second, undefined);
  });

  it('stops when there is too much', () => assert.equal(write('a\n'.repeat(100_000)).length, 100));
});
