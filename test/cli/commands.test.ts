import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../support/folder.ts';
import { postern } from '../support/postern-process.ts';

describe('the command line', () => {
  const refused: readonly [what: string, args: readonly string[], status: number, line: RegExp][] = [
    ['no command', [], 2, /^postern: no command: try postern --help$/],
    ['an unknown command', ['sevre'], 2, /^postern: unknown command 'sevre' \(Did you mean serve\?\)$/],
    [
      'an unknown option',
      ['serve', '--lisen', 'x'],
      2,
      /^postern: unknown option '--lisen' \(Did you mean --listen\?\)$/,
    ],
    [
      'an address that is none',
      ['serve', '--listen', 'x'],
      2,
      /^postern: --listen: "x" is not an address: write HOST:PORT/,
    ],
    [
      'an address with a port that is none',
      ['serve', '--listen', ':70000'],
      2,
      /^postern: --listen: ":70000" is not an/,
    ],
    ['a server whose address is none', ['request', 'a', 'b'], 2, /^postern: "a" is not an address: write HOST:PORT/],
    ['a pid that is none', ['status', '--pid', 'a'], 2, /^postern: --pid: "a" is not a whole number$/],
    [
      'a port that is none',
      ['serve', '--port', '70000'],
      2,
      /^postern: --port: 70000 is not a port: the highest is 65535$/,
    ],
    ['no workers', ['serve', '--workers', '0'], 2, /^postern: --workers: 0 is too few: it must be at least 1$/],
    [
      'options that exclude each other',
      ['serve', '--port', '1', '--listen', ':1'],
      2,
      /'--port <number>' cannot be used with option '--listen <address>'$/,
    ],
    ['a folder that is not there', ['serve', '/no/such/folder'], 2, /^postern: there is no folder \/no\/such\/folder$/],
    [
      'a file that is no application',
      ['serve', '/etc/passwd'],
      2,
      /^postern: \/etc\/passwd is not a folder, nor an application/,
    ],
    ['a php that is not PHP', ['serve', '--php', '/bin/ls'], 78, /^postern: php = "\/bin\/ls": it is not PHP/],
    [
      'a configuration that is not there',
      ['run', '-c', 'none.toml'],
      78,
      /^postern: none\.toml: there is no such file/,
    ],
    ['a URL that is none', ['explain', 'ftp://a/'], 2, /^postern: "ftp:\/\/a\/" is not a URL: write one such as /],
    ['a configuration that is a folder', ['run', '-c', '/tmp'], 78, /^postern: \/tmp: it is a folder: name the /],
    ['a service that is not there', ['status'], 1, /^postern: no service runs under this user$/],
    [
      'a FastCGI server that is not there',
      ['request', '127.0.0.1:1', 'a.php'],
      1,
      /^postern: cannot connect to 127\.0\.0\.1:1: /,
    ],
  ];
  for (const [what, args, status, line] of refused) {
    it(`refuses ${what} in one line, with exit status ${status}`, async (t) => {
      const folder = temporaryFolder(t);
      const ended = await postern(t, folder, args, folder);
      assert.match(ended.err.trimEnd(), line);
      assert.deepEqual([ended.status, ended.err.trimEnd().split('\n').length, ended.out], [status, 1, '']);
    });
  }

  it('tells every problem of a configuration, each with its line', async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'public'));
    writeFileSync(
      join(folder, 'postern.toml'),
      '[site.main]\nroot = "public"\n[pool.php]\nphp = "auto"\nworker = 3\nqueue = -1\n',
    );
    const { status, err } = await postern(t, folder, ['check', '--allow-root'], folder);
    assert.equal(status, 78);
    assert.deepEqual(err.trimEnd().split('\n'), [
      'postern: postern.toml:5: unknown key "worker" in [pool.php]: did you mean "workers"?',
      'postern: postern.toml:6: queue in [pool.php] must be at least 0, not -1',
    ]);
  });

  for (const command of ['check', 'run']) {
    it(`refuses in ${command}, all at once: faulty keys, PHP that is none, names that cannot be resolved, addresses of others`, async (t) => {
      const folder = temporaryFolder(t);
      writeFileSync(
        join(folder, 'postern.toml'),
        `[site.main]
listen = ["192.0.2.7:8000", "no.such.invalid:8000",
  "unix:gone/a.sock", "unix:postern.toml"]
maxBody = "big"
[pool.php]
php = "/bin/true"
`,
      );
      const { status, err } = await postern(t, folder, [command, '--allow-root'], folder);
      assert.equal(status, 78);
      const lines = err.trimEnd().split('\n');
      const expected = [
        /toml:2: listen in \[site.main\]: cannot listen on "192.0.2.7:8000": this machine has no such address/,
        /toml:2: listen in \[site.main\]: cannot listen on "no.such.invalid:8000": the name cannot be resolved/,
        /toml:3: listen in \[site.main\]: cannot listen on "unix:.*gone\/a.sock": there is no folder/,
        /toml:3: listen in \[site.main\]: cannot listen on "unix:.*postern.toml": there is a file of that name, which is no socket/,
        /toml:4: maxBody in \[site.main\] is "big"/,
        /toml:6: php = "\/bin\/true": it is not PHP/,
      ];
      assert.equal(lines.length, expected.length, err);
      for (const [index, pattern] of expected.entries()) assert.match(lines[index]!, pattern);
    });
  }

  it('explains which route leads to a file, and that no route does', async (t) => {
    const folder = temporaryFolder(t);
    mkdirSync(join(folder, 'img'));
    for (const name of ['img/a.txt', 'b.txt']) writeFileSync(join(folder, name), '');
    writeFileSync(
      join(folder, 'postern.toml'),
      '[site.main]\nroot = "."\n[[site.main.route]]\nmatch = "/img/*"\nfiles = true\n',
    );
    const why = async (path: string): Promise<unknown> => {
      const { route, why: reason } = JSON.parse((await postern(t, folder, ['explain', path, '--json'], folder)).out);
      return [route, reason];
    };
    assert.deepEqual(await why('/img/a.txt'), [
      '/img/*',
      'the route "/img/*" leads to files, and there is such a file',
    ]);
    assert.deepEqual(await why('/b.txt'), [null, 'no route took it, and there is such a file']);
  });

  it('explains what a URL gets, without running anything', async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'index.php'), '<?php');
    const { status, out } = await postern(t, folder, ['explain', '/index.php/a?b=c', '--json'], folder);
    const told = JSON.parse(out) as { outcome: string; pool: string; environment: Record<string, string> };
    assert.equal(status, 0);
    assert.deepEqual([told.outcome, told.pool], ['script', 'php']);
    const file = await postern(t, folder, ['explain', 'index.php', '--json'], folder);
    assert.equal((JSON.parse(file.out) as { url: string }).url, 'http://127.0.0.1:8000/index.php');
    for (const path of ['/index.php?to=http://a/', '/index.php?at=12:30']) {
      const query = await postern(t, folder, ['explain', path.slice(1), '--json'], folder);
      assert.equal((JSON.parse(query.out) as { url: string }).url, `http://127.0.0.1:8000${path}`);
    }
    const short = await postern(t, folder, ['explain', 'localhost:8130/index.php', '--json'], folder);
    assert.equal((JSON.parse(short.out) as { url: string }).url, 'http://localhost:8130/index.php');
    assert.equal(told.environment.SCRIPT_NAME, '/index.php');
    assert.equal(told.environment.PATH_INFO, '/a');
    assert.equal(told.environment.QUERY_STRING, 'b=c');
  });
});
