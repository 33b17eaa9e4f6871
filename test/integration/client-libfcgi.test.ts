// The client against a program of libfcgi, in every role.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, describe, it, type TestContext } from 'node:test';
import { type ClientOptions, createClient } from '../../src/client/index.ts';
import { findProgram, temporaryFolder } from '../support/folder.ts';
import { endWith } from '../support/php-cgi.ts';
import { spawnListening } from '../support/spawned-fastcgi.ts';

const source = new URL('../fixtures/libfcgi/all-roles.c', import.meta.url).pathname;

describe('the client with a program of libfcgi', () => {
  const compiled = mkdtempSync(join(tmpdir(), 'postern-libfcgi-'));
  after(() => rmSync(compiled, { recursive: true }));

  /** The program, compiled the first time. @returns null where that cannot be done */
  function programOf(): string | null {
    const compiler = findProgram('cc');
    const program = join(compiled, 'all-roles');
    if (compiler === null || !existsSync('/usr/include/fcgiapp.h')) return null;
    if (!existsSync(program)) execFileSync(compiler, ['-o', program, source, '-lfcgi']);
    return program;
  }

  /** Starts the program with a socket that listens as its fd 0. */
  async function start(t: TestContext, options: Partial<ClientOptions> = {}) {
    const program = programOf();
    if (program === null) {
      t.skip('cc or libfcgi-dev is not installed');
      return null;
    }
    const folder = temporaryFolder(t);
    const path = join(folder, 's');
    endWith(t, await spawnListening([program], path));
    const client = createClient({ address: `unix:${path}`, ...options });
    t.after(() => client.destroy());
    return client;
  }

  it('gets an answer from a responder, its STDERR, and a kept connection', async (t) => {
    const client = await start(t, { reuse: 'always' });
    if (client === null) return;
    for (const body of ['hello', 'x'.repeat(300_000), '']) {
      const answer = await client.request({ method: 'POST', body });
      assert.equal(answer.text(), body);
      assert.equal(answer.stderr.toString(), 'responder\n');
    }
    assert.equal(client.connections, 1);
  });

  it('streams a body of 3 MB there and back', async (t) => {
    const client = await start(t);
    if (client === null) return;
    const chunks = Array.from({ length: 300 }, () => Buffer.alloc(10_000, 'x'));
    const answer = await client.stream({ method: 'POST', body: Readable.from(chunks), bodyBytes: 3_000_000 });
    let bytes = 0;
    for await (const chunk of answer.body) bytes += (chunk as Buffer).length;
    assert.equal(bytes, 3_000_000);
  });

  it('gets an answer that comes before the body was read, with its appStatus', async (t) => {
    const client = await start(t);
    if (client === null) return;
    const answer = await client.request({ method: 'POST', url: '/early', body: 'x'.repeat(2_000_000) });
    assert.equal(answer.text(), 'early');
    assert.equal(answer.appStatus, 3);
  });

  it('asks an authorizer, which is sent no input', async (t) => {
    const client = await start(t);
    if (client === null) return;
    const allowed = await client.authorize({ headers: { Authorization: 'open sesame' } });
    assert.deepEqual({ ...allowed.variables }, { REMOTE_USER: 'ann' });
    const denied = await client.authorize({ headers: { Authorization: 'please' } });
    assert.equal(denied.isAllowed, false);
    assert.equal(denied.answer.text(), 'no');
    assert.equal(client.connections, 1);
  });

  it('sends a filter its file', async (t) => {
    const client = await start(t);
    if (client === null) return;
    const answer = await client.request({ role: 'filter', body: 'input', data: 'abcdef' });
    assert.equal(answer.text(), 'fedcba');
  });

  it('never learns what it can do, and gets its answers all the same', async (t) => {
    const client = await start(t, { multiplex: 4 });
    if (client === null) return;
    await assert.rejects(client.values(), { code: 'ANSWER_TIMEOUT' });
    const answers = await Promise.all(['a', 'b', 'c'].map((body) => client.request({ method: 'POST', body })));
    assert.deepEqual(
      answers.map((answer) => answer.text()),
      ['a', 'b', 'c'],
    );
  });
});
