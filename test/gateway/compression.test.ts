import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { brotliDecompressSync, constants, gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib';
import type { CompressOptions } from '../../src/gateway/compression.ts';
import type { HttpRequest } from '../../src/gateway/message.ts';
import type { Site } from '../../src/gateway/site.ts';
import { ask, httpRequest, RecordingAnswer } from '../support/recording-answer.ts';
import { rulesOf } from '../support/rules.ts';
import { makeSite, siteDefaults, type TestSite } from '../support/site.ts';
import { until } from '../support/until.ts';

const compress: CompressOptions = {
  types: ['text/*', 'application/json'],
  minBytes: 100,
  codings: ['zstd', 'br', 'gzip'],
  memoryBytes: 1_000_000,
};
const text = 'a line of text\n'.repeat(1_000);
const decode = { gzip: gunzipSync, br: brotliDecompressSync, zstd: zstdDecompressSync } as const;

/** The body as it was before it was coded. */
function plain(answer: RecordingAnswer): string {
  const coding = answer.field('Content-Encoding') as keyof typeof decode | undefined;
  return (coding === undefined ? answer.body : decode[coding](answer.body)).toString('latin1');
}

function get(target: string, coding: string | null, more: string[] = [], method = 'GET'): HttpRequest {
  const headers = ['Host', 'example.org', ...(coding === null ? [] : ['Accept-Encoding', coding]), ...more];
  return httpRequest(target, { headers, method });
}

/** A site whose program answers with these fields and bytes, in pieces. */
function program(
  t: TestContext,
  headers: string[],
  pieces: readonly (string | Buffer)[],
  given: Partial<Site> = {},
  status = 200,
): TestSite {
  const site = makeSite(t, undefined, { compress, ...given });
  site.backend.script = ({ sink }) => {
    sink.head({ status, reason: '', headers });
    for (const piece of pieces) sink.write(Buffer.from(piece));
    sink.end();
    return undefined;
  };
  return site;
}

describe('the answer of a program', () => {
  for (const coding of ['gzip', 'br', 'zstd']) {
    it(`is compressed with ${coding}, with its right length and a weak tag`, async (t) => {
      const { gateway } = program(
        t,
        ['Content-Type', 'text/html', 'ETag', '"a"', 'Content-Length', String(text.length)],
        [text],
      );
      const answer = await ask(gateway.handle, get('/index.php', coding));
      assert.deepEqual(
        ['Content-Encoding', 'ETag', 'Vary', 'Content-Length'].map((name) => answer.field(name)),
        [coding, 'W/"a"', 'Accept-Encoding', undefined],
      );
      assert.equal(plain(answer), text);
      assert.ok(answer.body.length < text.length / 5);
    });

    for (const times of [1, 3]) {
      it(`is compressed with ${coding} as a whole, ${times === 1 ? 'at once' : 'in a thread'}`, async (t) => {
        const whole = text.repeat(times);
        const { gateway } = program(t, ['Content-Type', 'text/html'], [whole]);
        const answer = await ask(gateway.handle, get('/index.php', coding));
        assert.equal(answer.field('Content-Encoding'), coding);
        assert.equal(plain(answer), whole);
        assert.ok(answer.body.length < whole.length / 5);
      });
    }

    it(`is compressed with ${coding} as it comes, where it is long`, async (t) => {
      const pieces = Array.from({ length: 50 }, () => text);
      const { gateway } = program(t, ['Content-Type', 'text/html'], pieces);
      const answer = await ask(gateway.handle, get('/index.php', coding));
      assert.equal(answer.field('Content-Encoding'), coding);
      assert.equal(plain(answer), pieces.join(''));
    });
  }

  const asItIs: [why: string, headers: string[], body: string, status?: number][] = [
    ['is coded already', ['Content-Type', 'text/html', 'Content-Encoding', 'br'], text],
    ['says no-transform', ['Content-Type', 'text/html', 'Cache-Control', 'private, No-Transform'], text],
    ['is of another type', ['Content-Type', 'image/png'], text],
    ['has no type', [], text],
    ['is short by its Content-Length', ['Content-Type', 'text/html', 'Content-Length', '5'], 'short'],
    ['is short', ['Content-Type', 'text/html'], 'short'],
    ['is a part', ['Content-Type', 'text/html', 'Content-Range', 'bytes 0-9/100'], text, 206],
    ['gets no shorter', ['Content-Type', 'text/html'], randomBytes(5_000).toString('latin1')],
  ];
  for (const [why, headers, body, status = 200] of asItIs) {
    it(`is sent as it is where it ${why}`, async (t) => {
      const { gateway } = program(t, headers, [Buffer.from(body, 'latin1')], {}, status);
      const answer = await ask(gateway.handle, get('/index.php', 'gzip, br'));
      assert.equal(answer.status, status);
      assert.equal(answer.text, body);
      const kept = answer.headers.filter((_, i) => answer.headers[i - (i % 2)] !== 'Vary');
      assert.deepEqual(kept, headers);
    });
  }

  it('varies where others get it compressed, and nowhere else', async (t) => {
    const { gateway } = program(t, ['Content-Type', 'text/html', 'ETag', '"a"'], [text]);
    const answer = await ask(gateway.handle, get('/index.php', null));
    assert.deepEqual([answer.field('Vary'), answer.field('ETag'), answer.text], ['Accept-Encoding', '"a"', text]);
    const { gateway: other } = program(t, ['Content-Type', 'image/png'], [text]);
    assert.equal((await ask(other.handle, get('/index.php', 'gzip'))).field('Vary'), undefined);
  });

  it('has the same header for HEAD, and no body', async (t) => {
    const { gateway } = program(t, ['Content-Type', 'text/html', 'ETag', '"a"', 'Content-Length', '15000'], []);
    const answer = await ask(gateway.handle, get('/index.php', 'br', [], 'HEAD'));
    assert.deepEqual(
      [answer.field('Content-Encoding'), answer.field('ETag'), answer.field('Content-Length')],
      ['br', 'W/"a"', undefined],
    );
  });

  it('has a weak tag and Vary where it is 304', async (t) => {
    const { gateway } = program(t, ['ETag', '"a"'], [], {}, 304);
    const answer = await ask(gateway.handle, get('/index.php', 'br'));
    assert.deepEqual([answer.status, answer.field('ETag'), answer.field('Vary')], [304, 'W/"a"', 'Accept-Encoding']);
  });

  it('that is flushed is not held: each event of a stream comes when it is sent', async (t) => {
    for (const coding of ['gzip', 'br', 'zstd'] as const) {
      const { gateway, backend } = makeSite(t, undefined, { compress });
      let send: (event: string) => void = () => {};
      let end = (): void => {};
      backend.script = ({ sink }) => {
        sink.head({ status: 200, reason: '', headers: ['Content-Type', 'text/event-stream'] });
        sink.flush();
        send = (event) => {
          sink.write(Buffer.from(event));
          sink.flush();
        };
        end = () => sink.end();
        return undefined;
      };
      const answer = new RecordingAnswer();
      gateway.handle(get('/index.php', coding), answer);
      await until(() => answer.status === 200, 'the head comes before the first event');
      const partly = (): string => {
        const finish = {
          finishFlush:
            coding === 'gzip'
              ? constants.Z_SYNC_FLUSH
              : coding === 'br'
                ? constants.BROTLI_OPERATION_FLUSH
                : constants.ZSTD_e_flush,
        };
        return decode[coding](answer.body, finish).toString();
      };
      for (const [i, event] of ['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n'].entries()) {
        send(event);
        await until(
          () => partly() === ['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n'].slice(0, i + 1).join(''),
          `${coding}: ${event}`,
        );
      }
      end();
      assert.equal(plain(await answer.done), 'data: 1\n\ndata: 2\n\ndata: 3\n\n');
    }
  });

  it('that ends early is aborted, compressed or not', async (t) => {
    const { gateway } = program(t, ['Content-Type', 'text/html', 'Content-Length', String(text.length + 1)], [text]);
    const answer = await ask(gateway.handle, get('/index.php', 'gzip'));
    assert.deepEqual([answer.ended, answer.error?.code], [false, 'ANSWER_TRUNCATED']);
  });

  it('waits for a client that does not read, and comes whole when it does', async (t) => {
    const noise = Array.from({ length: 100 }, () => randomBytes(48_000).toString('base64'));
    const { gateway } = program(t, ['Content-Type', 'text/html'], noise);
    const answer = new RecordingAnswer();
    answer.takesMore = false;
    gateway.handle(get('/index.php', 'gzip'), answer);
    await until(() => answer.body.length > 0);
    answer.takesMore = true;
    answer.listener?.drained();
    await answer.done;
    assert.equal(plain(answer), noise.join(''));
  });

  it('ends when the client goes away', async (t) => {
    const { gateway, backend } = makeSite(t, undefined, { compress });
    backend.script = ({ sink }) => {
      sink.head({ status: 200, reason: '', headers: ['Content-Type', 'text/html'] });
      sink.write(Buffer.from(text));
      sink.flush();
      return undefined;
    };
    const answer = new RecordingAnswer();
    gateway.handle(get('/index.php', 'br'), answer);
    await until(() => answer.body.length > 0);
    answer.listener?.gone();
    assert.equal(backend.aborted, 1);
    assert.equal(gateway.active, 0);
  });

  it('is what a rule made of it: its no-transform counts', async (t) => {
    const rules = rulesOf([{ match: '/*', header: { 'Cache-Control': 'no-transform' } }]);
    const { gateway } = program(t, ['Content-Type', 'text/html'], [text], { rules });
    assert.equal((await ask(gateway.handle, get('/index.php', 'gzip'))).field('Content-Encoding'), undefined);
  });
});

describe('a file', () => {
  const files = {
    'a.txt': text,
    'n.css': text,
    'n.css.gz': gzipSync('neighbour'),
    'old.css': text,
    'old.css.gz': gzipSync('old'),
    'p.png': text,
    's.txt': 's',
  };

  it('is compressed once, and held', async (t) => {
    const { gateway, root } = makeSite(t, files, { compress, pathCacheMs: 0 });
    const first = await ask(gateway.handle, get('/a.txt', 'br'));
    assert.deepEqual([first.field('Content-Encoding'), plain(first)], ['br', text]);
    assert.equal(first.field('Content-Length'), String(first.body.length));
    const again = new RecordingAnswer();
    gateway.handle(get('/a.txt', 'br'), again);
    assert.equal(again.ended, true, 'at once');
    assert.deepEqual(again.body, first.body);
    writeFileSync(join(root, 'a.txt'), `${text}more`);
    assert.equal(plain(await ask(gateway.handle, get('/a.txt', 'br'))), `${text}more`, 'and anew when it has changed');
  });

  it('has one weak tag, whatever its coding; 304 and HEAD are right, and ranges are of the file as it is', async (t) => {
    const { gateway } = makeSite(t, files, { compress });
    const br = await ask(gateway.handle, get('/a.txt', 'br'));
    const none = await ask(gateway.handle, get('/a.txt', null));
    assert.equal(br.field('ETag'), none.field('ETag'));
    assert.deepEqual([none.text, none.field('Vary'), none.field('Accept-Ranges')], [text, 'Accept-Encoding', 'bytes']);
    const same = await ask(gateway.handle, get('/a.txt', 'br', ['If-None-Match', br.field('ETag')!]));
    assert.deepEqual([same.status, same.field('Vary'), same.body.length], [304, 'Accept-Encoding', 0]);
    const head = await ask(gateway.handle, get('/a.txt', 'br', [], 'HEAD'));
    assert.deepEqual(
      [head.field('Content-Length'), head.field('Content-Encoding'), head.body.length],
      [br.field('Content-Length'), 'br', 0],
    );
    const part = await ask(gateway.handle, get('/a.txt', 'br', ['Range', 'bytes=0-5']));
    assert.deepEqual(
      [part.status, part.text, part.field('Content-Encoding'), part.field('Vary')],
      [206, 'a line', undefined, 'Accept-Encoding'],
    );
  });

  it('is its neighbour where that is there and no older', async (t) => {
    const { gateway, root } = makeSite(t, files, { compress });
    utimesSync(join(root, 'old.css.gz'), 1_000, 1_000);
    const neighbour = await ask(gateway.handle, get('/n.css', 'gzip, br;q=0.5'));
    assert.deepEqual(
      [plain(neighbour), neighbour.field('Content-Type'), neighbour.field('Content-Encoding')],
      ['neighbour', 'text/css; charset=utf-8', 'gzip'],
    );
    assert.equal(
      (await ask(gateway.handle, get('/n.css', 'gzip', [], 'HEAD'))).field('Content-Length'),
      String(gzipSync('neighbour').length),
    );
    assert.equal(plain(await ask(gateway.handle, get('/n.css', 'br'))), text);
    assert.equal(plain(await ask(gateway.handle, get('/old.css', 'gzip'))), text);
  });

  it('that changes after its neighbour was looked for is not answered with the old one', async (t) => {
    const { gateway, root } = makeSite(t, files, { compress, pathCacheMs: 60_000 });
    assert.equal(plain(await ask(gateway.handle, get('/n.css', 'gzip'))), 'neighbour');
    writeFileSync(join(root, 'n.css'), `${text}more`);
    utimesSync(join(root, 'n.css.gz'), 1_000, 1_000);
    assert.equal(plain(await ask(gateway.handle, get('/n.css', 'gzip'))), `${text}more`);
  });

  it('of another type, or too short, is sent as it is', async (t) => {
    const { gateway } = makeSite(t, files, { compress });
    for (const target of ['/p.png', '/s.txt']) {
      const answer = await ask(gateway.handle, get(target, 'gzip'));
      assert.deepEqual([answer.status, answer.field('Content-Encoding')], [200, undefined], target);
    }
  });

  it('is compressed on its way where it is large, or nothing may be held', async (t) => {
    const large = text.repeat(100);
    const { gateway } = makeSite(t, { 'large.txt': large }, { compress });
    assert.equal(plain(await ask(gateway.handle, get('/large.txt', 'zstd'))), large);
    const { gateway: other } = makeSite(t, files, { compress: { ...compress, memoryBytes: 0 } });
    assert.equal(plain(await ask(other.handle, get('/a.txt', 'zstd'))), text);
  });

  it('is not touched where the site does not say so', async (t) => {
    assert.equal(siteDefaults.compress, null);
    const { gateway } = makeSite(t, files);
    const answer = await ask(gateway.handle, get('/n.css', 'gzip'));
    assert.deepEqual(
      [answer.field('Content-Encoding'), answer.field('Vary'), answer.text],
      [undefined, undefined, text],
    );
  });
});
