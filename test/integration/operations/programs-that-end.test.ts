// FastCGI programs of any language behind `postern run`: those that crash under a request, and those that leave between requests.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { PhpService } from '../../support/php-service.ts';
import { until } from '../../support/until.ts';

const perl = findProgram('perl');
const hasFcgi = perl !== null && spawnSync(perl, ['-MFCGI', '-e', '1']).status === 0;
const phpCgi = findProgram('php-cgi');

/** Perl's FCGI module: tells pid and length of the body; `?crash` ends it by a fault, and after so many requests it leaves by itself. */
const source = `use strict;
use FCGI;
my $left = shift @ARGV;
my $request = FCGI::Request();
while ($request->Accept() >= 0) {
  kill 'SEGV', $$ if $ENV{QUERY_STRING} eq 'crash';
  my $body = '';
  read(STDIN, $body, $ENV{CONTENT_LENGTH}) if $ENV{CONTENT_LENGTH};
  select undef, undef, undef, 0.01;
  print "Content-Type: text/plain\\r\\n\\r\\n$$ ", length($body);
  last if --$left == 0;
}
$request->Finish();
exit 0;
`;

async function perlService(t: TestContext, requests: number): Promise<PhpService> {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'app.pl'), source);
  const command = JSON.stringify([perl, join(folder, 'app.pl'), String(requests)]);
  const more = `[[site.main.route]]\nmatch = "/app/*"\npool = "app"\n[pool.app]\ncommand = ${command}\nworkers = 4\nallowRoot = true\n`;
  return PhpService.start(t, { folder, files: {}, more, pool: 'connect = ["127.0.0.1:9"]\n' });
}

describe('a FastCGI program that crashes under a request', {
  skip: hasFcgi ? false : 'FCGI of Perl is not installed',
}, () => {
  it('two are two 502 and nobody else notices; from the third death in a row on 500 at once, for ten seconds', async (t) => {
    const service = await perlService(t, 0);
    let isOver = false;
    const others = Promise.all(
      [1, 2].map(async (client) => {
        const statuses: number[] = [];
        while (!isOver) statuses.push((await service.get(`app/other?${client}`)).status);
        return statuses;
      }),
    );
    const crash = async (): Promise<number> => (await service.get('app/x?crash')).status;
    await until(async () => (await service.get('app/x')).status === 200, 'it serves');
    assert.deepEqual([await crash(), await crash()], [502, 502]);
    assert.equal((await service.get('app/x')).status, 200, 'the same path without the fault is served still');
    assert.deepEqual([await crash(), await crash(), await crash()], [502, 502, 502]);
    const restsSinceMs = performance.now();
    assert.equal(await crash(), 500, 'the third in a row was the last');
    assert.equal((await service.get('app/x')).status, 500);
    assert.equal(
      (await service.get('app/x', { method: 'POST', body: 'a' })).status,
      200,
      'another method is another kind',
    );
    const { counters } = await service.pool('app');
    await until(async () => (await service.get('app/x')).status === 200, 'it is tried again');
    const restedMs = performance.now() - restsSinceMs;
    assert.ok(restedMs > 8_000 && restedMs < 16_000, `${restedMs} ms`);
    isOver = true;
    const statuses = (await others).flat();
    assert.ok(statuses.length > 100, `${statuses.length} others`);
    assert.deepEqual([...new Set(statuses)], [200], 'the others are served all the time');
    assert.equal(counters.retried, 0, 'what killed its process is not given to another one');
    assert.deepEqual(service.log('answers 503'), []);
    assert.equal((await service.logged('while it ran GET /app/x?crash')).length, 5);
  });
});

describe('a FastCGI program that leaves on purpose between requests', () => {
  it('loses no POST (Perl, after five requests)', {
    skip: hasFcgi ? false : 'FCGI of Perl is not installed',
  }, async (t) => {
    const service = await perlService(t, 5);
    await post(service, 'app/post', 200);
    const pool = await service.pool('app');
    assert.ok(pool.spawned >= 40, `${pool.spawned} were started`);
    assert.deepEqual(service.log('answers 503'), []);
  });

  it('loses no POST (php-cgi as a command, which leaves after 500 requests)', {
    skip: phpCgi === null ? 'php-cgi is not installed' : false,
  }, async (t) => {
    const files = { 'post.php': '<?php echo getmypid(), " ", strlen(file_get_contents("php://input"));' };
    const pool = `command = ["${phpCgi}"]\nworkers = 2\nallowRoot = true\n`;
    const service = await PhpService.start(t, { files, pool });
    const pids = await post(service, 'post.php', 1_200);
    assert.ok(pids.size >= 3, `${pids.size} processes`);
  });
});

/** So many, two at a time; each is answered by a program that read it whole. @returns the processes that did */
async function post(service: PhpService, path: string, count: number): Promise<Set<string>> {
  const pids = new Set<string>();
  let left = count;
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const response = await service.get(path, { method: 'POST', body: 'x'.repeat(1_000) });
      const text = await response.text();
      assert.equal(response.status, 200, text);
      const [pid, length] = text.split(' ');
      assert.equal(length, '1000');
      pids.add(pid!);
    }
  };
  await Promise.all([client(), client()]);
  return pids;
}
