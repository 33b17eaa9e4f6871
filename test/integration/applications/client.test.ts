// The client with real FastCGI applications, each a single process on a socket of its own.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Client, createClient } from '../../../src/client/index.ts';
import { spawnedApplications } from '../../support/applications.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { spawnListening } from '../../support/spawned-fastcgi.ts';

for (const { title, lacks, command, hasStderr, keeps } of spawnedApplications) {
  describe(`the client with ${title}`, { skip: lacks ?? false }, () => {
    const steps: (() => unknown)[] = [];
    let child: ChildProcess;
    let client: Client;

    before(async () => {
      const folder = temporaryFolder({ after: (step?: unknown) => void steps.push(step as () => unknown) });
      const path = join(folder, 's');
      child = await spawnListening(command(folder), path);
      client = createClient({ address: `unix:${path}`, maxConnections: 4, reuse: keeps ? 'always' : 'never' });
    });
    after(async () => {
      client.destroy();
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      for (const step of steps.reverse()) await step();
    });

    it('gets an answer', async () => {
      const answer = await client.request({ url: '/?hello' });
      assert.equal(answer.status, 200);
      assert.match(answer.headers.get('content-type') ?? '', /^text\/plain/);
      assert.equal(answer.text(), 'hello of GET');
    });

    it('gets 100 KB back', async () => {
      const body = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
      const headers = { 'Content-Type': 'application/octet-stream' };
      const answer = await client.request({ url: '/?echo', method: 'POST', headers, body });
      assert.ok(body.equals(answer.body));
    });

    it('gets 1 MB', async () => {
      assert.ok((await client.request({ url: '/?big' })).text() === 'x'.repeat(1_000_000));
    });

    it('gets what is told on STDERR, apart from the answer', async () => {
      const answer = await client.request({ url: '/?tell' });
      assert.equal(answer.text(), 'tell of GET');
      assert.match(answer.stderr.toString(), hasStderr ? /^told by the application\n/ : /^$/);
    });

    it('gets 20 answers at a time', async () => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => client.request({ url: '/?hello', method: 'POST', body: 'x' })),
      );
      assert.deepEqual(
        answers.map((answer) => answer.text()),
        Array(20).fill('hello of POST'),
      );
    });

    it('is told that the application died within its answer, and then that nobody listens', async () => {
      await assert.rejects(client.request({ url: '/?die' }), { code: 'CONNECTION_LOST' });
      if (child.signalCode === null) await once(child, 'exit');
      assert.equal(child.signalCode, 'SIGKILL');
      await assert.rejects(client.request({ url: '/?hello' }), { code: 'CONNECT_FAILED' });
    });
  });
}
