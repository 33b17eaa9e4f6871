// The client against the FastCGI libraries of other languages, which all answer the same.

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createClient } from '../../src/client/index.ts';
import { findProgram, temporaryFolder } from '../support/folder.ts';
import { endWith, listening } from '../support/php-cgi.ts';
import { spawnListening } from '../support/spawned-fastcgi.ts';

interface Library {
  readonly name: string;
  /** Why it cannot be run here; null: it can. */
  readonly lacks: string | null;
  start(folder: string, path: string): Promise<ChildProcess>;
  readonly stderr: string;
  /** Whether it can serve a second request on a connection. */
  readonly keeps: boolean;
  readonly multiplexes: boolean;
}

const fixture = (name: string): string => new URL(`../fixtures/peers/${name}`, import.meta.url).pathname;
const perl = findProgram('perl');
const go = findProgram('go');

const libraries: Library[] = [
  {
    name: "Perl's FCGI",
    lacks: lacksModule('FCGI'),
    start: (_folder, path) => spawnListening([perl!, fixture('echo.fcgi.pl')], path),
    stderr: 'from perl\n',
    keeps: true,
    multiplexes: false,
  },
  {
    name: "Perl's CGI::Fast",
    lacks: lacksModule('CGI::Fast'),
    start: (_folder, path) => spawnListening([perl!, fixture('echo.cgi-fast.pl')], path),
    stderr: 'from perl\n',
    keeps: true,
    multiplexes: false,
  },
  {
    name: "Go's net/http/fcgi",
    lacks: go === null ? 'go is not installed' : null,
    start(folder, path) {
      const env = { ...process.env, GOCACHE: join(folder, 'cache'), GO111MODULE: 'off' };
      execFileSync(go!, ['build', '-o', join(folder, 'echo'), fixture('echo.go')], { env });
      return spawnListening([join(folder, 'echo')], path);
    },
    stderr: '',
    keeps: true,
    multiplexes: true,
  },
  {
    name: 'node-fastcgi',
    lacks: null,
    async start(_folder, path) {
      const child = spawn(process.execPath, ['--no-warnings', fixture('echo.node-fastcgi.cjs'), path], {
        stdio: 'ignore',
      });
      await listening(path);
      return child;
    },
    stderr: '',
    // It gives one socket to two responses, and Node ends its process for that (ERR_HTTP_SOCKET_ASSIGNED).
    keeps: false,
    multiplexes: false,
  },
];

for (const library of libraries) {
  describe(`the client with ${library.name}`, () => {
    it('gets the same answers over one connection where it keeps it, and over a shared one where it multiplexes', async (t) => {
      if (library.lacks !== null) {
        t.skip(library.lacks);
        return;
      }
      const folder = temporaryFolder(t);
      const path = join(folder, 's');
      endWith(t, await library.start(folder, path));
      const client = createClient({ address: `unix:${path}`, reuse: library.keeps ? 'always' : 'never' });
      t.after(() => client.destroy());
      for (const bytes of [0, 10, 200_000]) {
        const answer = await client.request({
          method: 'POST',
          url: '/echo?a=b',
          headers: { Host: 'h', 'Content-Type': 'application/octet-stream' },
          body: Buffer.alloc(bytes, 'x'),
        });
        assert.equal(answer.status, 201);
        assert.equal(answer.text(), `POST a=b ${bytes}`);
        assert.equal(answer.stderr.toString(), library.stderr);
      }
      assert.equal(client.connections, library.keeps ? 1 : 0);
      if (!library.multiplexes) return;
      const shared = createClient({ address: `unix:${path}`, multiplex: 8, maxConnections: 1 });
      t.after(() => shared.destroy());
      const requests = Array.from({ length: 8 }, (_, index) =>
        shared.request({ method: 'POST', url: '/echo?a=b', headers: { Host: 'h' }, body: 'x'.repeat(index * 10_000) }),
      );
      const answers = await Promise.all(requests);
      assert.deepEqual(
        answers.map((answer) => answer.text()),
        answers.map((_, index) => `POST a=b ${index * 10_000}`),
      );
      assert.equal((await shared.values()).multiplexes, true);
    });
  });
}

function lacksModule(name: string): string | null {
  if (perl === null) return 'perl is not installed';
  return spawnSync(perl, [`-M${name}`, '-e', '1']).status === 0 ? null : `Perl's module ${name} is not installed`;
}
