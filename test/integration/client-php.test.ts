// The client against php-cgi and PHP-FPM.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Client, type ClientOptions, createClient } from '../../src/client/index.ts';
import type { Address } from '../../src/connection/address.ts';
import { findProgram, temporaryFolder } from '../support/folder.ts';
import { startPhpCgi, startPhpFpm } from '../support/php-cgi.ts';

const script = `<?php
header('X-Pid: ' . getmypid());
if (isset($_GET['sleep'])) usleep((int) $_GET['sleep'] * 1000);
if (isset($_GET['error'])) error_log('to the log');
if (isset($_GET['status'])) http_response_code((int) $_GET['status']);
if (isset($_GET['big'])) { for ($i = 0; $i < (int) $_GET['big']; $i++) echo str_repeat('x', 1000000); exit; }
if (isset($_GET['die'])) { echo str_repeat('x', 20000); flush(); posix_kill(getmypid(), 9); }
echo json_encode([
  'method' => $_SERVER['REQUEST_METHOD'], 'path' => $_SERVER['PATH_INFO'] ?? null, 'post' => $_POST,
  'length' => strlen(file_get_contents('php://input')), 'variables' => count($_SERVER),
]);
`;

interface Server {
  readonly name: string;
  readonly program: string | null;
  start(t: TestContext, program: string, folder: string, children: number): Promise<Address>;
}

const servers: Server[] = [
  { name: 'php-cgi', program: findProgram('php-cgi'), start: startPhpCgi },
  { name: 'PHP-FPM', program: findProgram('php-fpm8.2') ?? findProgram('php-fpm'), start: startPhpFpm },
];

for (const server of servers) {
  describe(`the client with ${server.name}`, () => {
    async function start(t: TestContext, children: number, options: Partial<ClientOptions> = {}) {
      if (server.program === null) {
        t.skip(`${server.name} is not installed`);
        return null;
      }
      const folder = temporaryFolder(t);
      const file = join(folder, 'a.php');
      writeFileSync(file, script);
      const address = await server.start(t, server.program, folder, children);
      const client = createClient({ address, ...options });
      t.after(() => client.destroy());
      return { client, file };
    }

    it('runs a script: GET, a form, a path behind the script, a status, STDERR', async (t) => {
      const started = await start(t, 1);
      if (started === null) return;
      const { client, file } = started;
      const get = await client.request({ script: file, url: '/a.php/x/y?z=1' });
      assert.deepEqual(JSON.parse(get.text()).path, '/x/y');
      const form = await client.request({
        script: file,
        method: 'POST',
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: 'a=1&b=%C3%A9',
      });
      assert.deepEqual(JSON.parse(form.text()).post, { a: '1', b: 'é' });
      const missing = await client.request({ script: file, url: '/a.php?status=404&error' });
      assert.equal(missing.status, 404);
      assert.match(missing.stderr.toString(), /to the log/);
    });

    it('keeps its connection, which is always served by the same process', async (t) => {
      const started = await start(t, 2);
      if (started === null) return;
      const pids = new Set<string | undefined>();
      for (let index = 0; index < 10; index += 1) {
        pids.add((await started.client.request({ script: started.file })).headers.get('x-pid'));
      }
      assert.equal(pids.size, 1);
      assert.equal(started.client.connections, 1);
    });

    it('sends variables of 200 KB, and a body of 5 MB, and reads an answer of 20 MB', async (t) => {
      const started = await start(t, 1);
      if (started === null) return;
      const { client, file } = started;
      const params = Object.fromEntries(
        Array.from({ length: 100 }, (_, index) => [`HTTP_X_${index}`, 'v'.repeat(2_000)]),
      );
      const many = await client.request({ script: file, params });
      assert.ok(JSON.parse(many.text()).variables > 100);
      const body = Buffer.alloc(5_000_000, 'x');
      const headers = { 'Content-Type': 'application/octet-stream' };
      const upload = await client.request({ script: file, method: 'POST', headers, body });
      assert.equal(JSON.parse(upload.text()).length, 5_000_000);
      const answer = await client.stream({ script: file, url: '/a.php?big=20' });
      let bytes = 0;
      for await (const chunk of answer.body) bytes += (chunk as Buffer).length;
      assert.equal(bytes, 20_000_000);
    });

    it('fails an answer whose process was killed, and serves the next request', async (t) => {
      const started = await start(t, 2);
      if (started === null) return;
      const { client, file } = started;
      await assert.rejects(client.request({ script: file, url: '/a.php?die', method: 'POST' }), {
        code: 'CONNECTION_LOST',
      });
      assert.equal((await client.request({ script: file })).status, 200);
    });

    it('does not let a kept connection hold the process that another request waits for', async (t) => {
      const started = await start(t, 1, { maxConnections: 4, idleTimeoutMs: 60_000 });
      if (started === null) return;
      const answers = await all(started.client, 12, { script: started.file, url: '/a.php?sleep=2' });
      assert.ok(answers.every((status) => status === 200));
    });

    it('says what it can do, which is not to multiplex', async (t) => {
      const started = await start(t, 3);
      if (started === null) return;
      assert.equal((await started.client.values()).multiplexes, false);
    });

    it('says what it can do while a kept connection, or a request, holds its only process', async (t) => {
      const started = await start(t, 1, { idleTimeoutMs: 60_000 });
      if (started === null) return;
      const { client, file } = started;
      await client.request({ script: file });
      assert.equal(client.connections, 1);
      assert.equal((await client.values()).multiplexes, false);
      const running = client.request({ script: file, url: '/a.php?sleep=1500' });
      assert.equal((await client.values()).multiplexes, false);
      assert.equal((await running).status, 200);
    });
  });
}

async function all(client: Client, count: number, request: { script: string; url: string }): Promise<number[]> {
  return Promise.all(
    Array.from({ length: count }, async () => (await client.request({ ...request, timeoutMs: 20_000 })).status),
  );
}
