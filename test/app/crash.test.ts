// What an error that nobody caught costs: less than the process, and nothing of what others asked for.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FastcgiPeer } from '../support/fastcgi-peer.ts';
import { temporaryFolder } from '../support/folder.ts';
import { type NodeProgram, startNode } from '../support/node-program.ts';
import { freePort } from '../support/server-process.ts';
import { until } from '../support/until.ts';

const file = new URL('../fixtures/apps/crashes.ts', import.meta.url).pathname;

async function ask(t: TestContext, to: number | string, path: string): Promise<string> {
  const peer = await FastcgiPeer.connect(t, to);
  peer.request(1, { REQUEST_URI: path, HTTP_HOST: 'a' });
  const { stdout } = await peer.ended(1);
  peer.raw.socket.destroy();
  return stdout;
}

async function start(t: TestContext, listen: string, threads: number): Promise<NodeProgram> {
  const program = startNode(t, [file, '--listen', listen, '--threads', String(threads)]);
  await program.until('listening on');
  return program;
}

describe('an error that nobody caught', () => {
  it('ends a process only after what runs has its answer, with exit status 1 and its stack in the log', async (t) => {
    const port = await freePort();
    const program = await start(t, String(port), 1);
    const answers = await Promise.all([ask(t, port, '/slow'), ask(t, port, '/slow'), ask(t, port, '/crash')]);
    for (const answer of answers) assert.match(answer, /whole from 0$/);
    assert.equal(await program.ended, 1);
    assert.match(program.stderr(), /an error was not caught.*\nError: nobody catches this\n +at /);
  });

  it('ends its thread only, after what runs in it has its answer; another takes its place', async (t) => {
    const port = await freePort();
    const program = await start(t, String(port), 2);
    const paths = Array.from({ length: 8 }, (_, index) => (index === 3 ? '/crash' : '/slow'));
    for (let round = 1; round <= 3; round += 1) {
      const answers = await Promise.all(paths.map((path) => ask(t, port, path)));
      assert.deepEqual(
        answers.filter((answer) => !/whole from [01]$/.test(answer)),
        [],
      );
      await until(() => program.stderr().split(': an error was not caught').length > round, 'it is told');
    }
    assert.match(program.stderr(), /thread [01] is replaced: an error was not caught in it/);
    const seen = new Set<string>();
    await until(async () => seen.add(await ask(t, port, '/')).size === 2, 'both threads answer');
    assert.match(program.stderr(), /thread [01]: an error was not caught\nError: nobody catches this\n +at /);
    program.child.kill('SIGTERM');
    assert.equal(await program.ended, 0);
  });

  it('ends all threads where they share one socket, after what runs has its answer', async (t) => {
    const socket = join(temporaryFolder(t), 'app.sock');
    const program = await start(t, `unix:${socket}`, 2);
    const answers = await Promise.all(['/slow', '/slow', '/crash'].map((path) => ask(t, socket, path)));
    for (const answer of answers) assert.match(answer, /whole from [01]$/);
    assert.equal(await program.ended, 1);
    assert.match(program.stderr(), /the threads share one socket, which ends with any of them/);
  });
});

describe('a thread that is stuck', () => {
  it('is ended and replaced, while others go on; and SIGTERM still ends the process', {
    timeout: 60_000,
  }, async (t) => {
    const port = await freePort();
    const program = await start(t, String(port), 2);
    const stuck = ask(t, port, '/spin').catch(() => 'lost');
    await until(() => program.stderr().includes('it has not come back to its event loop for'), 'it is noticed');
    await stuck;
    const seen = new Set<string>();
    await until(async () => seen.add(await ask(t, port, '/')).size === 2, 'both threads answer');
    void ask(t, port, '/spin').catch(() => 'lost');
    await new Promise((resolve) => setTimeout(resolve, 100));
    program.child.kill('SIGTERM');
    assert.equal(await program.ended, 0);
  });
});
