import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FastcgiServer } from '../../src/fastcgi-server/fastcgi-server.ts';
import type { CgiSink, Exchange } from '../../src/protocol/cgi/exchange.ts';
import { fastcgiApplication } from '../support/fastcgi-application.ts';
import { temporaryFolder } from '../support/folder.ts';
import { postern, startPostern } from '../support/postern-process.ts';

const nothing: Exchange = { resume: () => {}, abort: () => {} };

/** An application that answers as a test says. */
async function listening(t: TestContext, run: (sink: CgiSink) => Exchange): Promise<string> {
  const path = join(temporaryFolder(t), 's');
  const server = new FastcgiServer({ run: (_request, sink) => run(sink) });
  await server.listen({ kind: 'unix', path });
  t.after(() => server.destroy());
  return `unix:${path}`;
}

describe('postern request', () => {
  it('prints what comes when it comes', async (t) => {
    let answer: CgiSink | null = null;
    const address = await listening(t, (sink) => {
      answer = sink;
      sink.head({ status: 200, reason: '', headers: ['Content-Type', 'text/plain'] });
      sink.write(Buffer.from('first\n'));
      sink.flush();
      return nothing;
    });
    const asking = startPostern(t, temporaryFolder(t), ['request', address, '/a.php']);
    await asking.wrote(/^first\n$/);
    answer!.write(Buffer.from('second\n'));
    answer!.end();
    const { status, out } = await asking.ended();
    assert.deepEqual([status, out], [0, 'first\nsecond\n']);
  });

  it('prints an answer that is larger than what the client library keeps, and stops when its reader leaves', async (t) => {
    const piece = Buffer.alloc(65_536, 'x');
    const address = await listening(t, (sink) => {
      let sent = 0;
      sink.head({ status: 200, reason: '', headers: ['Content-Type', 'text/plain'] });
      const pump = (): void => {
        while (sent < 80 * 1_048_576) {
          sent += piece.length;
          if (!sink.write(piece)) return;
        }
        sink.end();
      };
      setImmediate(pump);
      return { resume: pump, abort: () => {} };
    });
    const asking = startPostern(t, temporaryFolder(t), [], undefined, [
      'sh',
      '-c',
      `"$0" "$@" request ${address} /a.php | wc -c; sent="$("$0" "$@" request ${address} /a.php | head -c 5)"; echo "$sent"`,
    ]);
    assert.deepEqual((await asking.ended()).out, `${80 * 1_048_576}\nxxxxx\n`);
  });

  it('sends a file as it is read, with its length', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'body'), 'y'.repeat(200_000));
    const application = await fastcgiApplication((request, body) => ({
      body: `${request.environment.CONTENT_LENGTH} ${body.length}`,
    }));
    t.after(() => application.close());
    const address = application.address.kind === 'unix' ? `unix:${application.address.path}` : '';
    const { status, out, err } = await postern(t, folder, ['request', address, '/a.php', '-d', `@${folder}/body`]);
    assert.deepEqual([status, out, err], [0, '200000 200000', '']);
  });
});
