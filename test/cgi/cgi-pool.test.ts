import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CgiPool } from '../../src/cgi/cgi-pool.ts';
import type { CgiParts, CgiSettings } from '../../src/cgi/cgi-settings.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import type { CgiRequest } from '../../src/protocol/cgi/exchange.ts';
import { openSpawner, type Spawner } from '../../src/worker/spawner.ts';
import { bodyOf, cgiRequest, streamBody } from '../support/cgi-request.ts';
import { temporaryFolder } from '../support/folder.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { RecordingSink } from '../support/recording-sink.ts';
import { until } from '../support/until.ts';

const limits = {
  workers: 2,
  queue: 2,
  queueTimeoutMs: 20_000,
  requestTimeoutMs: 20_000,
  readTimeoutMs: 0,
  stopTimeoutMs: 2_000,
};

describe('CgiPool', () => {
  let starter: Spawner;
  before(() => {
    starter = openSpawner();
  });
  after(() => starter.close());

  /** A pool; at the end of the test nothing of it runs, and its counters add up. */
  function pool(t: TestContext, given: Partial<CgiParts & CgiSettings> = {}): CgiPool {
    const env = { PATH: '/usr/bin:/bin', APP: 'configured' };
    const parts = { name: 'cgi', limits, env, user: null, starter, clock: systemClock, log: silentLog };
    const backend = new CgiPool({ ...parts, ...given });
    t.after(async () => {
      await backend.destroy();
      const { accepted, waiting, running, finished, refused, aborted } = backend.counters;
      assert.deepEqual([waiting, running, backend.processes, finished + refused + aborted], [0, 0, 0, accepted]);
    });
    return backend;
  }

  async function answerOf(backend: CgiPool, request: CgiRequest): Promise<RecordingSink> {
    const sink = new RecordingSink();
    backend.run(request, sink);
    return sink.done;
  }

  it('runs the file that SCRIPT_FILENAME names, in its folder, with the CGI variables and no arguments', async (t) => {
    const path = script(
      t,
      'printf "Content-Type: text/plain\\n\\n%s|%s|%s|%s|%s" "$#" "$QUERY_STRING" "$APP" "$HOME" "$(pwd)"',
    );
    const sink = await answerOf(pool(t), request(path, { QUERY_STRING: '-x+rm+/etc/passwd', HTTP_X: 'a' }));
    assert.deepEqual(sink.heads, [{ status: 200, reason: '', headers: ['Content-Type', 'text/plain'] }]);
    assert.equal(sink.body, `0|-x+rm+/etc/passwd|configured||${join(path, '..')}`);
    assert.equal(sink.calls.at(-1), 'end');
  });

  it('lets a CGI variable win over a configured one, and passes UTF-8 on as it came', async (t) => {
    const path = script(t, 'printf "Content-Type: text/plain\\n\\n%s %s" "$REQUEST_METHOD" "$PATH_INFO"');
    const backend = pool(t, { env: { PATH: '/usr/bin:/bin', REQUEST_METHOD: 'configured' } });
    const sink = await answerOf(backend, request(path, { PATH_INFO: Buffer.from('/é').toString('latin1') }));
    assert.equal(Buffer.from(sink.body, 'latin1').toString(), 'GET /é');
  });

  it('gives PATH_TRANSLATED beside PATH_INFO, which only plain CGI gets', async (t) => {
    const path = script(t, 'printf "Content-Type: text/plain\\n\\n%s" "$PATH_TRANSLATED"');
    const sink = await answerOf(pool(t), request(path, { PATH_INFO: '/b', DOCUMENT_ROOT: '/srv' }));
    assert.equal(sink.body, '/srv/b');
  });

  it('gives the body on stdin, from memory or as a stream, and ends it there', async (t) => {
    const path = script(t, 'printf "Content-Type: text/plain\\n\\n"; wc -c');
    const backend = pool(t);
    const stream = new PassThrough();
    stream.end('x'.repeat(300_000));
    assert.equal((await answerOf(backend, { ...request(path), body: bodyOf('hello') })).body.trim(), '5');
    assert.equal(
      (await answerOf(backend, { ...request(path), body: streamBody(stream, 300_000) })).body.trim(),
      '300000',
    );
    assert.equal((await answerOf(backend, request(path))).body.trim(), '0');
  });

  it('answers a program that does not read its body', async (t) => {
    const path = script(t, 'printf "Status: 413 Too much\\nContent-Type: text/plain\\n\\nno"');
    const sink = await answerOf(pool(t), { ...request(path), body: bodyOf('x'.repeat(500_000)) });
    assert.equal(sink.heads[0]?.status, 413);
    assert.equal(sink.body, 'no');
  });

  it('an upload cut in half never reaches a program as a whole one', async (t) => {
    const folder = temporaryFolder(t);
    const path = script(t, `cat >/dev/null; echo whole >${folder}/seen; printf "Content-Type: text/plain\\n\\nok"`);
    const stream = new PassThrough();
    const sink = new RecordingSink();
    const backend = pool(t);
    backend.run({ ...request(path), body: streamBody(stream, 100) }, sink);
    stream.write('half');
    await delay(50);
    stream.destroy(new Error('cut'));
    assert.equal((await sink.done).calls.at(-1), 'fail');
    await backend.close();
    assert.equal(existsSync(join(folder, 'seen')), false);
  });

  it('passes STDERR on, and holds the program back while the sink is full', async (t) => {
    const path = script(t, 'echo oops >&2; printf "Content-Type: text/plain\\n\\n"; head -c 400000 /dev/zero');
    const sink = new RecordingSink();
    sink.writeAnswers.push(false);
    const exchange = pool(t).run(request(path), sink);
    await until(() => sink.calls.includes('write'));
    await delay(100);
    assert.ok(sink.body.length < 400_000);
    exchange.resume();
    await sink.done;
    assert.equal(sink.body.length, 400_000);
    assert.equal(sink.errors, 'oops\n');
  });

  it('takes an answer with headers that are not parsed (NPH)', async (t) => {
    const sink = await answerOf(
      pool(t),
      request(script(t, 'printf "HTTP/1.1 404 Gone away\\r\\nX-A: b\\r\\n\\r\\nbody"')),
    );
    assert.deepEqual(sink.heads, [{ status: 404, reason: 'Gone away', headers: ['X-A', 'b'] }]);
  });

  for (const [what, program, code] of [
    ['a program that is not there', null, 'PROGRAM_NOT_STARTED'],
    ['an interpreter that is not there', '#!/nowhere/perl\n', 'PROGRAM_NOT_STARTED'],
    ['no output at all', '#!/bin/sh\nexit 0\n', 'ANSWER_INVALID'],
    ['text without a header', '#!/bin/sh\necho hello\n', 'ANSWER_INVALID'],
    ['an end before its header', '#!/bin/sh\nprintf "Content-Type: a"; exit 3\n', 'ANSWER_TRUNCATED'],
    ['a crash in its header', '#!/bin/sh\nkill -9 $$\n', 'ANSWER_TRUNCATED'],
    ['a crash in the middle of its answer', '#!/bin/sh\nprintf "X-A: b\\n\\nhalf"; kill -9 $$\n', 'ANSWER_TRUNCATED'],
  ] as const) {
    it(`answers ${what} with ${code}`, async (t) => {
      const path = join(temporaryFolder(t), 'program');
      if (program !== null) writeFileSync(path, program, { mode: 0o755 });
      const sink = await answerOf(pool(t), request(path));
      assert.equal(sink.error?.code, code);
      assert.match(sink.error.message, /program/);
    });
  }

  it('a program that is not executable is not started, and the error says what to do', async (t) => {
    const path = script(t, 'true');
    chmodSync(path, 0o644);
    const sink = await answerOf(pool(t), request(path));
    assert.equal(sink.error?.code, 'PROGRAM_NOT_STARTED');
    assert.match(sink.error.message, /chmod \+x/);
  });

  for (const [what, body, answer] of [
    ['exits with a status other than 0', 'printf "X-A: b\\n\\nall of it"; exit 1', 'all of it'],
    ['ends with a command that failed', 'printf "X-A: b\\n\\n"; yes | head -n 100000 | tail -1; false', 'y\n'],
    ['is killed after its Content-Length was reached', 'printf "Content-Length: 4\\n\\nfour"; kill -9 $$', 'four'],
    ['is killed after its output ended', 'printf "X-A: b\\n\\nall"; exec >&-; sleep 0.2; kill -9 $$', 'all'],
  ] as const) {
    it(`a program that ${what} gave a whole answer`, async (t) => {
      const sink = await answerOf(pool(t), request(script(t, body)));
      assert.deepEqual([sink.error, sink.calls.at(-1), sink.body], [null, 'end', answer]);
    });
  }

  it('a redirect counts, whatever the exit status', async (t) => {
    const path = script(t, 'printf "Location: http://example.org/\\n\\n"; exit 1');
    assert.equal((await answerOf(pool(t), request(path))).heads[0]?.status, 302);
  });

  it('a crash in the answer is never taken for its end', async (t) => {
    const path = script(t, 'printf "X-A: b\\n\\nhalf"; kill -9 $$');
    const backend = pool(t, { limits: { ...limits, workers: 4, queue: 100 } });
    const sinks = await Promise.all(Array.from({ length: 60 }, () => answerOf(backend, request(path))));
    assert.deepEqual(
      sinks.map(({ error }) => error?.code),
      Array(60).fill('ANSWER_TRUNCATED'),
    );
  });

  it('an answer ends when its program closes stdout; its turn ends with the process', async (t) => {
    const folder = temporaryFolder(t);
    const path = script(
      t,
      `printf "X-A: b\\n\\nanswer"; exec >&- 2>&- <&-; while [ ! -e ${folder}/gate ]; do sleep 0.05; done; touch ${folder}/done`,
    );
    const backend = pool(t, { limits: { ...limits, workers: 1 } });
    const first = new RecordingSink();
    const exchange = backend.run(request(path), first);
    await first.done;
    assert.deepEqual(
      [first.calls.at(-1), first.body, backend.counters.running, backend.processes],
      ['end', 'answer', 0, 1],
    );
    const [row] = backend.snapshot().lanes;
    assert.deepEqual([row?.state, row?.url, row!.pid > 0], ['draining', '/', true]);
    // The client has all it wanted; the program goes on.
    exchange.abort();
    const second = answerOf(backend, request(script(t, 'printf "X-A: b\\n\\nsecond"')));
    assert.equal(backend.counters.waiting, 1);
    writeFileSync(join(folder, 'gate'), '');
    assert.equal((await second).body, 'second');
    assert.equal(existsSync(join(folder, 'done')), true);
    assert.deepEqual([backend.counters.finished, backend.counters.aborted], [2, 0]);
  });

  it('a program that works on after its answer is ended at the limit', async (t) => {
    const path = script(t, 'printf "X-A: b\\n\\nanswer"; exec >&- 2>&- <&-; sleep 600');
    const backend = pool(t, { limits: { ...limits, requestTimeoutMs: 300 } });
    assert.equal((await answerOf(backend, request(path))).calls.at(-1), 'end');
    await backend.close();
    assert.deepEqual([backend.processes, backend.counters.finished], [0, 1]);
  });

  it('an answer goes on while what its program started writes, and ends with it', async (t) => {
    const path = script(t, 'printf "X-A: b\\n\\nfirst"; (sleep 0.3; printf " last") & exit 0');
    const sink = await answerOf(pool(t), request(path));
    assert.deepEqual([sink.calls.at(-1), sink.body], ['end', 'first last']);
  });

  it('bytes that are no UTF-8 reach a program as they came, and all else with them', async (t) => {
    const path = script(
      t,
      'printf "Content-Type: text/plain\\n\\n"; /usr/bin/env -0 | sort -z; printf "%s" "$#"; pwd; cat',
    );
    const environment = {
      PATH_INFO: '/\xe9 %41$(id)\'"\\x`',
      DOCUMENT_ROOT: '/srv',
      HTTP_A: '\xff',
      HTTP_B: 'caf\xc3\xa9 "$HOME" \\n',
      QUERY_STRING: '',
    };
    const sink = await answerOf(pool(t), { ...request(path, environment), body: bodyOf('the body') });
    const expected = {
      ...request(path, environment).environment,
      PATH: '/usr/bin:/bin',
      APP: 'configured',
      REDIRECT_STATUS: '200',
      PATH_TRANSLATED: `/srv${environment.PATH_INFO}`,
    };
    const lines = Object.entries(expected).map(([name, value]) => `${name}=${value}\0`);
    const own = /^(?:PWD|OLDPWD|SHLVL|_|POSTERN_MARK)=/;
    const [variables, rest] = [sink.body.split('\0').slice(0, -1), sink.body.split('\0').at(-1)];
    assert.deepEqual(
      variables.filter((line) => !own.test(line)),
      lines.map((line) => line.slice(0, -1)).sort(),
    );
    assert.equal(rest, `0${join(path, '..')}\nthe body`);
  });

  it('a program whose name and folder are no UTF-8 is run, in its folder', async (t) => {
    const folder = Buffer.from(`${temporaryFolder(t)}/d\xe9`, 'latin1');
    mkdirSync(folder);
    const path = Buffer.concat([folder, Buffer.from('/caf\xe9=.sh', 'latin1')]);
    writeFileSync(path, '#!/bin/sh\nprintf "X-A: b\\n\\n%s %s" "$0" "$#"; pwd', { mode: 0o755 });
    const sink = await answerOf(pool(t), request(path.toString('latin1')));
    assert.equal(sink.body, `${path.toString('latin1')} 0${folder.toString('latin1')}\n`);
  });

  for (const [what, content, mode, expected] of [
    ['that is not executable', '#!/bin/sh\n', 0o644, /denied/],
    ['whose interpreter is not there', '#!/nowhere/perl\n', 0o755, /not found|No such file/],
  ] as const) {
    it(`a program with bytes in its environment ${what} is answered as any other`, async (t) => {
      const path = join(temporaryFolder(t), 'program');
      writeFileSync(path, content, { mode });
      const sink = await answerOf(pool(t), request(path, { PATH_INFO: '/\xe9' }));
      assert.equal(sink.error?.code, 'PROGRAM_NOT_STARTED');
      assert.match(sink.error.message, expected);
    });
  }

  it('without descriptors a request is 503, nothing leaks, and the next one runs when they are back', async () => {
    const fixture = fileURLToPath(new URL('../fixtures/cgi-without-descriptors.ts', import.meta.url));
    const { stdout } = await promisify(execFile)('/bin/sh', [
      '-c',
      'ulimit -n 200; exec "$0" "$1"',
      process.execPath,
      fixture,
    ]);
    const { short, after, descriptorsBefore, descriptorsAfter } = JSON.parse(stdout);
    assert.ok(short.includes('LAUNCH_FAILED 503'));
    assert.deepEqual(new Set(short), new Set(['LAUNCH_FAILED 503', 'answered']));
    assert.equal(after, 'answered');
    assert.equal(descriptorsAfter, descriptorsBefore);
  });

  it('an environment that a program cannot be started with is 431', async (t) => {
    const sink = await answerOf(pool(t), request(script(t, 'true'), { HTTP_X: 'x'.repeat(4_000_000) }));
    assert.equal(sink.error?.status, 431);
  });

  it('a program that takes too long is ended with all it started, and answered 504', async (t) => {
    const path = script(t, 'echo $$ >pid; sleep 600 & echo $! >child; wait');
    const backend = pool(t, { limits: { ...limits, requestTimeoutMs: 300 } });
    const sink = await answerOf(backend, request(path));
    assert.equal(sink.error?.code, 'ANSWER_TIMEOUT');
    await backend.close();
    for (const name of ['pid', 'child'])
      await until(() => !isAlive(Number(readFileSync(join(path, '..', name), 'utf8'))));
  });

  it('a program that ignores SIGTERM gets SIGKILL', async (t) => {
    const path = script(t, 'trap "" TERM; while :; do sleep 1; done');
    const backend = pool(t, { limits: { ...limits, requestTimeoutMs: 200, stopTimeoutMs: 200 } });
    assert.equal((await answerOf(backend, request(path))).error?.code, 'ANSWER_TIMEOUT');
    await backend.close();
  });

  it('a program that is silent for readTimeout is ended, before its answer or in it', async (t) => {
    const log = new RecordingLog();
    const backend = pool(t, { limits: { ...limits, requestTimeoutMs: 0, readTimeoutMs: 300 }, log });
    for (const before of ['', 'printf "X-A: b\\n\\nfirst"; ']) {
      const sink = await answerOf(backend, request(script(t, `${before}sleep 600`)));
      assert.deepEqual([sink.error?.code, /readTimeout/.test(sink.error?.message ?? '')], ['ANSWER_TIMEOUT', true]);
    }
    assert.equal(
      log.matching(/^process \d+ is killed with SIGTERM while it runs .*\(readTimeout, 300 ms\)$/).length,
      2,
    );
    assert.equal(backend.counters.retried, 0);
  });

  it('a program lives as long as it writes', async (t) => {
    const path = script(t, 'printf "X-A: b\\n\\n"; for i in 1 2 3 4 5 6 7 8; do sleep 0.4; printf $i; done');
    const backend = pool(t, { limits: { ...limits, requestTimeoutMs: 0, readTimeoutMs: 2_500 } });
    const sink = await answerOf(backend, request(path));
    assert.deepEqual([sink.calls.at(-1), sink.body], ['end', '12345678']);
  });

  it('the time in which a slow reader holds a program back counts for no limit', async (t) => {
    const path = script(t, 'printf "X-A: b\\n\\n"; head -c 1000000 /dev/zero');
    const backend = pool(t, { limits: { ...limits, requestTimeoutMs: 600, readTimeoutMs: 400 } });
    const sink = new RecordingSink();
    sink.writeAnswers.push(false);
    const exchange = backend.run(request(path), sink);
    await until(() => sink.calls.includes('write'));
    await delay(1_500);
    exchange.resume();
    await sink.done;
    assert.deepEqual([sink.calls.at(-1), sink.body.length], ['end', 1_000_000]);
  });

  it('the time in which a program waits for a slow upload counts for no limit', async (t) => {
    const backend = pool(t, { limits: { ...limits, requestTimeoutMs: 600, readTimeoutMs: 400 } });
    const stream = new PassThrough();
    const answer = answerOf(backend, {
      ...request(script(t, 'printf "X-A: b\\n\\n"; wc -c')),
      body: streamBody(stream, 10),
    });
    stream.write('01234');
    await delay(1_500);
    stream.end('56789');
    assert.equal((await answer).body.trim(), '10');
  });

  it('what a program writes to STDERR after its answer is in the log', async (t) => {
    const log = new RecordingLog();
    const backend = pool(t, { log });
    const path = script(t, 'printf "X-A: b\\n\\nanswer"; exec >&-; sleep 0.2; echo "late trouble" >&2');
    assert.equal((await answerOf(backend, request(path))).body, 'answer');
    await backend.close();
    assert.equal(log.matching(/wrote to STDERR after its answer/)[0]?.fields.stderr, 'late trouble\\x0a');
  });

  it('close() ends after its deadline what works on after its answer', async (t) => {
    const backend = pool(t);
    const path = script(t, 'printf "X-A: b\\n\\nanswer"; exec >&- 2>&- <&-; sleep 600');
    await answerOf(backend, request(path));
    await backend.close(200);
    assert.equal(backend.processes, 0);
  });

  it('a reload holds for what starts from then on, and lets those that wait have more slots', async (t) => {
    const folder = temporaryFolder(t);
    const path = script(t, `while [ ! -e ${folder}/gate ]; do sleep 0.05; done; printf "X-A: b\\n\\n$APP"`);
    const backend = pool(t, { limits: { ...limits, workers: 1 } });
    const answers = [answerOf(backend, request(path)), answerOf(backend, request(path))];
    backend.use({ limits: { ...limits, workers: 2 }, env: { PATH: '/usr/bin:/bin', APP: 'other' }, user: null });
    assert.deepEqual([backend.counters.running, backend.counters.waiting], [2, 0]);
    writeFileSync(join(folder, 'gate'), '');
    assert.deepEqual(
      (await Promise.all(answers)).map(({ body }) => body),
      ['configured', 'other'],
    );
  });

  it('a client that goes away: its program is ended, and nothing more is said', async (t) => {
    const path = script(t, 'echo $$ >pid; printf "X-A: b\\n\\nfirst"; sleep 600');
    const backend = pool(t);
    const sink = new RecordingSink();
    const exchange = backend.run(request(path), sink);
    await until(() => sink.body === 'first');
    exchange.abort();
    exchange.abort();
    await backend.close();
    await until(() => !isAlive(Number(readFileSync(join(path, '..', 'pid'), 'utf8'))));
    assert.equal(sink.calls.includes('fail') || sink.calls.includes('end'), false);
    assert.equal(backend.counters.aborted, 1);
  });

  it('keeps the ends that tell something: why, how and with which request; a program that answers and exits is none', async (t) => {
    const backend = pool(t, { limits: { ...limits, requestTimeoutMs: 1_000, stopTimeoutMs: 100 } });
    const head = 'printf "X-A: b\\n\\n"; ';
    const programs: readonly (readonly [url: string, body: string])[] = [
      ['/good', `${head}exit 3`],
      ['/crash', `${head}kill -SEGV $$`],
      ['/early', 'exit 2'],
      ['/wrong', 'printf "no header at all, for as long as it takes\\n\\n"; sleep 600'],
      ['/hangs', 'trap "" TERM; sleep 600 & wait; sleep 600'],
      ['/works-on', `${head}exec >&- 2>&- <&-; sleep 600`],
    ];
    for (const [url, body] of programs) await answerOf(backend, { ...request(script(t, body)), url });
    const sink = new RecordingSink();
    const leaving = backend.run({ ...request(script(t, `${head}echo; sleep 600`)), url: '/left' }, sink);
    await until(() => sink.heads.length === 1);
    leaving.abort();
    await until(() => backend.processes === 0, 'all have ended');
    const { lastEnds, ended, spawned } = backend.snapshot();
    const told = lastEnds.map(({ url, reason, ending, isCause }) => [url, reason, ending, isCause]);
    assert.deepEqual(told.toSorted(), [
      ['/crash', 'crash', 'SIGSEGV', true],
      ['/early', 'crash', 'exit 2', true],
      ['/hangs', 'timeout', 'SIGKILL', true],
      ['/left', 'abandoned', 'SIGTERM', true],
      ['/works-on', 'timeout', 'SIGTERM', false],
      ['/wrong', 'protocol-error', 'SIGTERM', true],
    ]);
    assert.ok(lastEnds.every(({ pid, method, runMs }) => pid > 0 && method === 'GET' && runMs > 0));
    assert.deepEqual([spawned, ended.crash, ended.timeout, ended.abandoned, ended['protocol-error']], [7, 2, 2, 1, 1]);
  });

  it('runs no more programs at a time than workers; the next waits for its turn', async (t) => {
    const folder = temporaryFolder(t);
    const path = script(t, `while [ ! -e ${folder}/gate ]; do sleep 0.05; done; printf "X-A: b\\n\\nok"`);
    const backend = pool(t, { limits: { ...limits, workers: 1 } });
    const answers = [answerOf(backend, request(path)), answerOf(backend, request(path))];
    assert.deepEqual([backend.counters.running, backend.counters.waiting], [1, 1]);
    writeFileSync(join(folder, 'gate'), '');
    for (const sink of await Promise.all(answers)) assert.equal(sink.body, 'ok');
  });

  it('a full queue is refused at once, a request that waits too long after its time, both with 503', async (t) => {
    const path = script(t, 'sleep 600');
    const backend = pool(t, { limits: { ...limits, workers: 1, queue: 1, queueTimeoutMs: 200 } });
    void answerOf(backend, request(path));
    const late = answerOf(backend, request(path));
    const refused = await answerOf(backend, request(path));
    assert.deepEqual([refused.error?.code, refused.error?.status], ['QUEUE_FULL', 503]);
    assert.deepEqual([(await late).error?.code, (await late).error?.status], ['QUEUE_TIMEOUT', 503]);
  });

  it('a request that waits is forgotten when its client leaves', async (t) => {
    const path = script(t, 'sleep 600');
    const backend = pool(t, { limits: { ...limits, workers: 1 } });
    void answerOf(backend, request(path));
    backend.run(request(path), new RecordingSink()).abort();
    assert.deepEqual([backend.counters.waiting, backend.counters.aborted], [0, 1]);
  });

  it('close() refuses what comes and waits for what runs', async (t) => {
    const backend = pool(t);
    const running = answerOf(backend, request(script(t, 'sleep 0.2; printf "X-A: b\\n\\nok"')));
    const closed = backend.close();
    assert.equal((await answerOf(backend, request('/bin/true'))).error?.code, 'POOL_CLOSING');
    await closed;
    assert.equal((await running).body, 'ok');
  });
});

function script(t: TestContext, body: string): string {
  const path = join(temporaryFolder(t), 'program.cgi');
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return path;
}

function request(path: string, environment: Record<string, string> = {}): CgiRequest {
  return cgiRequest({ environment: { REQUEST_METHOD: 'GET', SCRIPT_FILENAME: path, ...environment } });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
