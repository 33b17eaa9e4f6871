import assert from 'node:assert/strict';
import { realpathSync, renameSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { AnswerSpools } from '../../src/gateway/answer-spool.ts';
import { Reply } from '../../src/gateway/reply.ts';
import { StaticFiles } from '../../src/gateway/static-file.ts';
import { ask, httpRequest, postRequest, RecordingAnswer } from '../support/recording-answer.ts';
import { makeSite } from '../support/site.ts';

const large = Buffer.alloc(200_000, 'abcdefghij');

function site(t: TestContext) {
  const made = makeSite(t, { 'a.css': 'a{}', 'empty.txt': '', 'large.bin': large, 'p%20q &c.html': '<p>', noext: 'x' });
  utimesSync(join(made.root, 'a.css'), 1_700_000_000, 1_700_000_000);
  const get = (target: string, headers: readonly string[] = [], method = 'GET') =>
    ask(made.gateway.handle, httpRequest(target, { method, headers: ['Host', 'example.org', ...headers] }));
  return { ...made, get };
}

describe('a file', () => {
  it('is sent with its type, length and validators, in one write', async (t) => {
    const answer = await site(t).get('/a.css');
    assert.equal(answer.status, 200);
    assert.equal(answer.text, 'a{}');
    assert.equal(answer.writes, 1);
    assert.equal(answer.field('Content-Type'), 'text/css; charset=utf-8');
    assert.equal(answer.field('Content-Length'), '3');
    assert.equal(answer.field('Last-Modified'), 'Tue, 14 Nov 2023 22:13:20 GMT');
    assert.match(answer.field('ETag') ?? '', /^W\/"/);
    assert.equal(answer.field('Accept-Ranges'), 'bytes');
  });

  it('is only measured for HEAD', async (t) => {
    const answer = await site(t).get('/a.css', [], 'HEAD');
    assert.deepEqual([answer.status, answer.field('Content-Length'), answer.writes], [200, '3', 0]);
  });

  it('is not sent again to who has it', async (t) => {
    const { get } = site(t);
    const etag = (await get('/a.css')).field('ETag')!;
    for (const headers of [
      ['If-None-Match', etag],
      ['If-Modified-Since', 'Tue, 14 Nov 2023 22:13:20 GMT'],
    ]) {
      const answer = await get('/a.css', headers);
      assert.deepEqual([answer.status, answer.text, answer.field('ETag')], [304, '', etag]);
    }
    assert.equal((await get('/a.css', ['If-None-Match', '"other"'])).status, 200);
    assert.equal((await get('/a.css', ['If-Match', '"other"'])).status, 412);
  });

  it('is sent in part', async (t) => {
    const { get } = site(t);
    const ranges: readonly [range: string, contentRange: string, body: string][] = [
      ['bytes=0-3', 'bytes 0-3/200000', 'abcd'],
      ['bytes=199998-', 'bytes 199998-199999/200000', 'ij'],
      ['bytes=-1', 'bytes 199999-199999/200000', 'j'],
      ['bytes=199999-300000', 'bytes 199999-199999/200000', 'j'],
    ];
    for (const [range, contentRange, body] of ranges) {
      const answer = await get('/large.bin', ['Range', range]);
      assert.deepEqual([answer.status, answer.field('Content-Range'), answer.text], [206, contentRange, body], range);
    }
    const middle = await get('/large.bin', ['Range', 'bytes=5-150004']);
    assert.deepEqual([middle.status, middle.body.equals(large.subarray(5, 150_005))], [206, true]);
    const none = await get('/large.bin', ['Range', 'bytes=200000-']);
    assert.deepEqual([none.status, none.field('Content-Range'), none.text], [416, 'bytes */200000', '']);
    assert.equal((await get('/large.bin', ['Range', 'bytes=0-3', 'If-Range', '"old"'])).body.length, 200_000);
    assert.equal((await get('/large.bin', ['Range', 'lines=0-3'])).body.length, 200_000);
  });

  const oddRanges: readonly [range: string, status: number, body: string, why: string][] = [
    ['bytes=-100', 206, '0123456789', 'more than there is, from the end'],
    ['BYTES=2-3', 206, '23', "the unit's case does not matter"],
    ['bytes=8-99999999999999999999', 206, '89', 'a number of any size'],
    ['bytes=0--', 200, '0123456789', 'not valid'],
    ['bytes=+1-2', 200, '0123456789', 'not valid'],
    ['bytes=0-1x', 200, '0123456789', 'not valid'],
    ['bytes=3-2', 200, '0123456789', 'not valid: its end is before its start'],
    ['bytes=', 200, '0123456789', 'nothing is asked for'],
    ['bytes=-', 200, '0123456789', 'not valid'],
    ['bytes=-0', 416, '', 'nothing is there'],
    ['bytes=10-', 416, '', 'nothing is there'],
    ['bytes=20-30, 0-1', 206, '01', 'one of two is there'],
    ['bytes=0-8,1-9', 200, '0123456789', 'two that are more than the whole'],
    [`bytes=${Array(17).fill('1-1').join(',')}`, 200, '0123456789', 'too many'],
  ];
  for (const [range, status, body, why] of oddRanges) {
    it(`answers ${status} to ${range.slice(0, 40)}: ${why}`, async (t) => {
      const made = makeSite(t, { 'ten.txt': '0123456789' });
      const headers = ['Host', 'a', 'Range', range];
      const answer = await ask(made.gateway.handle, httpRequest('/ten.txt', { headers }));
      assert.deepEqual([answer.status, answer.text], [status, body]);
    });
  }

  it('is sent in several parts, of any size', async (t) => {
    const { get } = site(t);
    const answer = await get('/large.bin', ['Range', 'bytes=0-3, 5-150004, -2']);
    assert.equal(answer.status, 206);
    const [, boundary] = /^multipart\/byteranges; boundary=(.+)$/.exec(answer.field('Content-Type') ?? '') ?? [];
    const part = (range: string, body: string) =>
      `--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes ${range}/200000\r\n\r\n${body}\r\n`;
    const parts = [
      part('0-3', 'abcd'),
      part('5-150004', large.subarray(5, 150_005).toString()),
      part('199998-199999', 'ij'),
    ];
    assert.equal(answer.text, `${parts.join('')}--${boundary}--\r\n`);
    assert.equal(answer.field('Content-Length'), String(answer.body.length));
  });

  it('that is held does not stay in memory beyond the limit of all', async (t) => {
    const files = new StaticFiles(5_000);
    const { root } = makeSite(t, {
      'a.bin': 'a'.repeat(1_500),
      'b.bin': 'b'.repeat(1_500),
      'c.bin': 'c'.repeat(9_000),
    });
    const found = ['a.bin', 'b.bin', 'c.bin'].map((name) => ({ realPath: realpathSync(join(root, name)) }));
    const site = { writeTimeoutMs: 0, answerBufferBytes: 1 };
    const spools = new AnswerSpools({ spoolFolder: root, answerSpoolBytes: 0, answerSpoolTotalBytes: 0 });
    const shared = { site, clock: systemClock, answerSpools: spools };
    for (let round = 0; round < 3; round += 1) {
      for (const file of found) {
        const answer = new RecordingAnswer();
        files.send(
          new Reply(answer, [], shared, { onOver() {}, replaces: () => false }),
          { method: 'GET', headers: [] },
          file,
        );
        assert.equal(answer.status, 200);
      }
    }
    assert.ok(files.heldBytes > 0 && files.heldBytes <= 5_000, String(files.heldBytes));
  });

  it('may be empty, have an odd name, or no known type', async (t) => {
    const { get } = site(t);
    assert.deepEqual([(await get('/empty.txt')).status, (await get('/empty.txt')).field('Content-Length')], [200, '0']);
    assert.equal((await get('/p%2520q%20&c.html')).text, '<p>');
    assert.equal((await get('/noext')).field('Content-Type'), 'application/octet-stream');
  });

  it('waits for a client that does not read, and is closed when that has gone', async (t) => {
    const { root, gateway, access } = site(t);
    writeFileSync(join(root, 'huge.bin'), Buffer.alloc(5_000_000));
    const answer = new RecordingAnswer();
    answer.takesMore = false;
    gateway.handle(httpRequest('/huge.bin'), answer);
    while (answer.body.length < 65_536) await new Promise((resolve) => setImmediate(resolve));
    answer.listener?.gone();
    assert.equal(access[0]?.outcome, 'gone');
    assert.equal(gateway.active, 0);
  });

  it('is the same however often its reader has to wait', async (t) => {
    const { root, gateway } = site(t);
    const content = Buffer.alloc(3_000_000, 'abcdefghijk');
    writeFileSync(join(root, 'huge.bin'), content);
    const answer = new RecordingAnswer();
    answer.takesMore = false;
    gateway.handle(httpRequest('/huge.bin'), answer);
    while (!answer.ended) {
      await new Promise((resolve) => setImmediate(resolve));
      answer.listener?.drained();
    }
    assert.ok(answer.body.equals(content));
  });

  it('that is long does not mix with others that are read at the same time', async (t) => {
    const { root, get } = site(t);
    const contents = ['abc', 'defg', 'hijkl', 'm'].map((letters) => Buffer.alloc(1_000_003, letters));
    for (const [i, content] of contents.entries()) writeFileSync(join(root, `${i}.bin`), content);
    for (let round = 0; round < 2; round += 1) {
      const answers = await Promise.all(contents.map((_, i) => get(`/${i}.bin`)));
      assert.ok(answers.every((answer, i) => answer.body.equals(contents[i]!)));
    }
  });

  it('answers 405 with Allow to other methods', async (t) => {
    const answer = await site(t).get('/a.css', [], 'DELETE');
    assert.deepEqual([answer.status, answer.field('Allow')], [405, 'GET, HEAD']);
  });
});

describe('X-Sendfile and X-Accel-Redirect', () => {
  const setup = (t: TestContext, field: (folder: string) => readonly string[], isConfigured = true) => {
    const files = { 'index.php': '', 'style.css': 'css' };
    const { root: folder } = makeSite(t, { 'report.txt': 'report', 'deep/x y.bin': 'deep' });
    writeFileSync(Buffer.from(`${folder}/caf\xe9.bin`, 'latin1'), 'bytes');
    const made = makeSite(t, files, { sendfile: isConfigured ? [{ folder, prefix: '/protected/' }] : [] });
    made.backend.script = ({ sink }) => {
      const headers = [
        'Content-Type',
        'text/special',
        'X-Accel-Buffering',
        'no',
        'Set-Cookie',
        'a=b',
        ...field(folder),
      ];
      sink.head({ status: 200, reason: '', headers });
      sink.write(Buffer.from('not wanted'));
      sink.end();
      return undefined;
    };
    return { ...made, folder };
  };

  const sent: readonly [field: (folder: string) => readonly string[], text: string][] = [
    [(folder) => ['X-Sendfile', `${folder}/caf\xe9.bin`], 'bytes'],
    [() => ['X-Accel-Redirect', '/protected/caf%E9.bin'], 'bytes'],
    [(folder) => ['X-Sendfile', `${folder}/report.txt`], 'report'],
    [(folder) => ['x-sendfile', `${folder}/deep/../report.txt`], 'report'],
    [() => ['X-Accel-Redirect', '/protected/report.txt'], 'report'],
    [() => ['X-Accel-Redirect', '/protected/deep/x%20y.bin'], 'deep'],
  ];
  for (const [field, text] of sent) {
    it(`sends the file from a configured folder: ${field('FOLDER').join(': ')}`, async (t) => {
      const answer = await ask(setup(t, field).gateway.handle, '/');
      assert.deepEqual([answer.status, answer.text], [200, text]);
      assert.deepEqual([answer.field('Content-Type'), answer.field('Set-Cookie')], ['text/special', 'a=b']);
      assert.equal(answer.headers.filter((name) => /^x-(?:sendfile|accel)/i.test(name)).length, 0);
    });
  }

  const kept: readonly [field: (folder: string) => readonly string[], status: number][] = [
    [(folder) => ['X-Sendfile', relative(process.cwd(), `${folder}/report.txt`)], 502],
    [() => ['X-Sendfile', '/etc/passwd'], 502],
    [(folder) => ['X-Sendfile', `${folder}/../../etc/passwd`], 502],
    [(folder) => ['X-Sendfile', folder], 502],
    [(folder) => ['X-Sendfile', `${folder}/none`], 404],
    [() => ['X-Accel-Redirect', '/protected/../../etc/passwd'], 502],
    [() => ['X-Accel-Redirect', '/elsewhere/report.txt'], 502],
  ];
  for (const [field, status] of kept) {
    it(`sends nothing else: ${field('FOLDER').join(': ')}`, async (t) => {
      const answer = await ask(setup(t, field).gateway.handle, '/');
      assert.equal(answer.status, status);
      assert.doesNotMatch(answer.text, /root:|not wanted/);
    });
  }

  it('sends a range of the file, and nothing again to who has it', async (t) => {
    const { gateway } = setup(t, (folder) => ['X-Sendfile', `${folder}/report.txt`]);
    const ask2 = (headers: readonly string[]) =>
      ask(gateway.handle, httpRequest('/', { headers: ['Host', 'a', ...headers] }));
    assert.equal((await ask2(['Range', 'bytes=0-1'])).text, 're');
    const etag = (await ask2([])).field('ETag')!;
    assert.equal((await ask2(['If-None-Match', etag])).status, 304);
  });

  it('answers a POST, whose conditions are about something else', async (t) => {
    const { gateway } = setup(t, (folder) => ['X-Sendfile', `${folder}/report.txt`]);
    const headers = ['Host', 'a', 'If-None-Match', '*', 'Range', 'bytes=0-1'];
    const answer = await ask(gateway.handle, postRequest('/', 'a=b', { headers }));
    assert.deepEqual([answer.status, answer.text], [200, 'report']);
  });

  it('is 500 and a line of the log where no folder is configured', async (t) => {
    for (const field of [
      ['X-Sendfile', '/etc/passwd'],
      ['X-Accel-Redirect', '/protected/report.txt'],
    ]) {
      const { gateway, log } = setup(t, () => field, false);
      const answer = await ask(gateway.handle, '/');
      assert.equal(answer.status, 500);
      assert.doesNotMatch(answer.text, /not wanted|passwd/);
      assert.match(log.records.at(-1)?.message ?? '', /no folder for that: add a \[\[sendfile\]\]/);
    }
  });

  it('is 404 where the file has gone, or has become something else, meanwhile', async (t) => {
    const { gateway, folder, log } = setup(t, () => ['X-Accel-Redirect', '/protected/report.txt']);
    assert.equal((await ask(gateway.handle, '/')).status, 200);
    rmSync(join(folder, 'report.txt'));
    assert.equal((await ask(gateway.handle, '/')).status, 404);
    symlinkSync('report.txt', join(folder, 'report.txt'));
    assert.equal((await ask(gateway.handle, '/')).status, 404);
    assert.deepEqual(log.records, []);
  });
});

describe('a file that changes', () => {
  it('is sent as it is now', async (t) => {
    const { root, get } = site(t);
    await get('/a.css');
    writeFileSync(join(root, 'a.css'), 'changed');
    assert.equal((await get('/a.css')).text, 'changed');
    writeFileSync(join(root, 'a.css'), 'CHANGED');
    utimesSync(join(root, 'a.css'), 1_800_000_000, 1_800_000_000);
    const answer = await get('/a.css');
    assert.deepEqual([answer.text, answer.field('Last-Modified')], ['CHANGED', 'Fri, 15 Jan 2027 08:00:00 GMT']);
  });

  it('is sent as it is now also when it was held in memory', async (t) => {
    const { root, get } = site(t);
    for (const text of ['a{}', 'a{}', 'a{}']) assert.equal((await get('/a.css')).text, text);
    writeFileSync(join(root, 'a.css'), 'b{}');
    assert.equal((await get('/a.css')).text, 'b{}');
    for (let i = 0; i < 3; i += 1) assert.equal((await get('/a.css')).text, 'b{}');
    writeFileSync(join(root, 'new.css'), 'c{}');
    renameSync(join(root, 'new.css'), join(root, 'a.css'));
    assert.equal((await get('/a.css')).text, 'c{}');
    for (let i = 0; i < 3; i += 1) await get('/a.css');
    rmSync(join(root, 'a.css'));
    assert.equal((await get('/a.css')).status, 404);
  });

  it('is sent as it is now also when it is long and was held in memory', async (t) => {
    const { root, get } = site(t);
    const path = join(root, 'long.bin');
    for (const size of [1_048_576, 1_048_577, 700_000]) {
      for (const letters of ['abc', 'defg']) {
        const content = Buffer.alloc(size, letters);
        writeFileSync(path, content);
        for (let i = 0; i < 4; i += 1)
          assert.ok((await get('/long.bin')).body.equals(content), `${size} ${letters} ${i}`);
      }
    }
    assert.equal((await get('/long.bin', ['Range', 'bytes=4-7'])).text, 'defg');
  });

  it('is still sent in part, or not at all, when it is held in memory', async (t) => {
    const { get } = site(t);
    for (let i = 0; i < 3; i += 1) await get('/a.css');
    const etag = (await get('/a.css')).field('ETag')!;
    assert.equal((await get('/a.css', ['Range', 'bytes=1-'])).text, '{}');
    assert.equal((await get('/a.css', ['If-None-Match', etag])).status, 304);
    assert.equal((await get('/a.css', [], 'HEAD')).writes, 0);
    for (let i = 0; i < 3; i += 1) assert.equal((await get('/empty.txt')).field('Content-Length'), '0');
  });

  it('ends short of its length when it becomes shorter while it is sent', async (t) => {
    const { root, gateway, access } = site(t);
    const path = join(root, 'huge.bin');
    writeFileSync(path, Buffer.alloc(3_000_000));
    const answer = new RecordingAnswer();
    answer.takesMore = false;
    gateway.handle(httpRequest('/huge.bin'), answer);
    while (answer.body.length < 200_000) await new Promise((resolve) => setImmediate(resolve));
    truncateSync(path, 100);
    while (!answer.ended) {
      await new Promise((resolve) => setImmediate(resolve));
      answer.listener?.drained();
    }
    assert.ok(answer.body.length < 3_000_000);
    assert.equal(gateway.active, 0);
    assert.equal(access.length, 1);
  });

  it('is sent again with the same head while it has not changed', async (t) => {
    const { get } = site(t);
    const [first, second] = [await get('/large.bin'), await get('/large.bin')];
    assert.deepEqual(second.headers, first.headers);
    assert.ok(second.body.equals(large));
  });

  it('is not there any more at once when it was removed', async (t) => {
    const { root, get } = site(t);
    await get('/a.css');
    rmSync(join(root, 'a.css'));
    assert.equal((await get('/a.css')).status, 404);
  });
});

describe('a folder that a program turned into a link', () => {
  for (const method of ['GET', 'HEAD']) {
    it(`shows nothing of where it leads to, though its path was just found (${method})`, async (t) => {
      const secret = makeSite(t, { 'a.txt': 'secret, and longer' });
      const { root, gateway } = makeSite(t, { 'upload/a.txt': 'open' });
      const ask1 = () => ask(gateway.handle, httpRequest('/upload/a.txt', { method }));
      assert.equal((await ask1()).status, 200);
      renameSync(join(root, 'upload'), join(root, 'away'));
      symlinkSync(secret.root, join(root, 'upload'));
      const answer = await ask1();
      assert.equal(answer.status, 404);
      assert.doesNotMatch(answer.text, /secret/);
    });
  }
});
