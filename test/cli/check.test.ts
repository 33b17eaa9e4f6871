import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { it } from 'node:test';
import type { Finding } from '../../src/trial/finding.ts';
import { findProgram, temporaryFolder } from '../support/folder.ts';
import { postern } from '../support/postern-process.ts';

it('postern check starts each pool, asks each site, and says what is wrong', async (t) => {
  if (findProgram('php-cgi') === null) {
    t.skip('php-cgi is not installed');
    return;
  }
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'public'));
  writeFileSync(join(folder, 'public/index.php'), '<?php echo "hello";');
  const taken = createServer().listen(0, '127.0.0.1');
  t.after(() => taken.close());
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as { port: number };
  const config = join(folder, 'postern.toml');
  const good = `[site.main]\nlisten = "unix:${folder}/site.sock"\nroot = "public"\n[[site.main.route]]\nmatch = "*.php"\npool = "php"\n[pool.php]\nphp = "auto"\nallowRoot = true\n`;

  writeFileSync(config, good);
  const fine = await postern(t, folder, ['check', '-c', config]);
  assert.deepEqual([fine.status, fine.err], [0, '']);
  assert.match(fine.out, /ok +pool php +PHP \d+\.\d+\.\d+, \S+, .*: ready after \d+ ms/);
  assert.match(fine.out, /ok +site main +GET \/: 200, 5 bytes, \d+ ms by pool php/);
  assert.match(fine.out, /ok +unix:\S+ +free/);

  const far = `unix:${folder}/none.sock`;
  const connecting = `${good}[pool.far]\nconnect = ["unix:site.sock", "unix:none.sock"]\n`;
  writeFileSync(config, connecting);
  const server = createServer().listen(join(folder, 'site.sock'));
  await once(server, 'listening');
  const reached = await postern(t, folder, ['check', '-c', config]);
  server.close();
  assert.equal(reached.status, 1);
  assert.match(reached.out, /ok +pool far +unix:\S+site\.sock: takes connections, after \d+ ms\n/);
  assert.ok(reached.out.includes(`${far}: no connection (connect ENOENT`), reached.out);

  const broken = `${good.replace('unix:', `127.0.0.1:${port}", "unix:`).replace('listen = ', 'listen = [').replace('site.sock"', 'site.sock"]')}[pool.x]\ncommand = ["/no/such/program"]\nallowRoot = true\n`;
  writeFileSync(config, broken);
  const wrong = await postern(t, folder, ['check', '-c', config, '--json']);
  assert.equal(wrong.status, 1);
  const failed = (JSON.parse(wrong.out) as Finding[]).filter(({ state }) => state === 'failed');
  assert.deepEqual(
    failed.map(({ subject }) => subject),
    ['pool x', `127.0.0.1:${port}`],
  );
  assert.match(failed[0]?.message ?? '', /\/no\/such\/program/);
});

it('postern check --json has what is wrong with the file as findings, each with its mend', async (t) => {
  const folder = temporaryFolder(t);
  const config = join(folder, 'postern.toml');
  writeFileSync(config, '[site.main]\nrot = "."\n[pool.x]\ncgi = true\nphp = "auto"\n');
  const wrong = await postern(t, folder, ['check', '-c', config, '--json']);
  assert.equal(wrong.status, 78);
  const told = (JSON.parse(wrong.out) as Finding[]).map(({ state, subject, message, mend }) => {
    return [state, subject, message.replace(/^.*postern\.toml/, ''), mend];
  });
  assert.deepEqual(told, [
    ['failed', 'configuration', ':2: unknown key "rot" in [site.main]: did you mean "root"?', 'correct it there'],
    ['failed', 'configuration', ':4: [pool.x] says php and cgi', 'give one of php, command, connect, cgi, app'],
  ]);
  assert.match(wrong.err, /unknown key "rot"/);
});

it('postern check warns of settings that PHP does not know, each with its line', async (t) => {
  if (findProgram('php-cgi') === null) {
    t.skip('php-cgi is not installed');
    return;
  }
  const folder = temporaryFolder(t);
  writeFileSync(
    join(folder, 'postern.toml'),
    `[site.main]
listen = []
[pool.php]
php = "auto"
allowRoot = true
[pool.php.ini]
memory_limit = "64M"
memory_limt = "64M"
"cgi.fix_pathinfo" = 1
auto_prepend_file = "/no/such/file"
extension_dir = "/usr/lib/php"
"no.such_setting" = 1
`,
  );
  const { out } = await postern(t, folder, ['check', '--json'], folder);
  const notes = (JSON.parse(out) as Finding[]).filter(({ message }) => message.includes('has no setting'));
  assert.deepEqual(
    notes.map(({ state, message, mend }) => [state, message.replace(/PHP [\d.]+/, 'PHP'), mend]),
    [
      [
        'note',
        'postern.toml:8: ini in [pool.php]: PHP has no setting "memory_limt"',
        'write "memory_limit", if that is meant',
      ],
      [
        'note',
        'postern.toml:12: ini in [pool.php]: PHP has no setting "no.such_setting"',
        'correct it, or load the extension that has it',
      ],
    ],
  );
});

it('postern check tells settings that PHP does not know together with what else is wrong, in the order of the lines', async (t) => {
  if (findProgram('php-cgi') === null) return t.skip('php-cgi is not installed');
  const folder = temporaryFolder(t);
  writeFileSync(
    join(folder, 'postern.toml'),
    `[site.main]
listen = "no.such.host.invalid:0"
root = "nowhere"
[pool.php]
php = "auto"
worker = 2
[pool.php.ini]
memory_limt = "64M"
[pool.other]
command = ["/bin/cat"]
lane = 2
`,
  );
  const { status, err } = await postern(t, folder, ['check'], folder);
  assert.equal(status, 78);
  const told = err.trimEnd().split('\n');
  assert.deepEqual(
    told.map((line) => Number(/postern\.toml:(\d+):/.exec(line)?.[1])),
    [2, 3, 6, 8, 11],
    err,
  );
  assert.match(
    err,
    /:8: ini in \[pool\.php\]: PHP [\d.]+ has no setting "memory_limt": write "memory_limit", if that is meant$/m,
  );
});

it('postern check asks a PHP once for the settings that it knows, however many pools have it', async (t) => {
  const php = findProgram('php-cgi');
  if (php === null) return t.skip('php-cgi is not installed');
  const folder = temporaryFolder(t);
  const [program, starts] = [join(folder, 'php-cgi'), join(folder, 'starts')];
  writeFileSync(program, `#!/bin/sh\necho "$*" >> '${starts}'\nexec '${php}' "$@"\n`, { mode: 0o755 });
  const pools = Array.from({ length: 20 }, (_, at) => {
    return `[pool.p${at}]\nphp = "${program}"\nallowRoot = true\nini = { memory_limt = "64M" }\n`;
  });
  writeFileSync(join(folder, 'postern.toml'), `[site.main]\nlisten = []\nrot = 1\n${pools.join('')}`);
  const { status, err } = await postern(t, folder, ['check'], folder);
  assert.equal(status, 78);
  assert.equal(err.match(/has no setting "memory_limt"/g)?.length, pools.length, err);
  const all = readFileSync(starts, 'utf8').trimEnd().split('\n');
  assert.equal(all.filter((line) => line.includes('auto_prepend_file')).length, 1, all.join('\n'));
  // It is looked at before its pools are, and once more for this.
  assert.ok(all.length <= 5, all.join('\n'));
});

it('postern check warns where a root holds the configuration or the log', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'logs'));
  const config = join(folder, 'postern.toml');
  const text = `[log]\nfile = "logs/postern.log"\n[site.main]\nlisten = "unix:${folder}/site.sock"\n`;
  writeFileSync(config, text);
  const { out } = await postern(t, folder, ['check', '-c', config]);
  assert.match(out, /note +site main +its root holds \S+\/postern\.toml, which is hidden there: better serve a folder/);
  assert.match(out, /note +site main +its root holds \S+\/logs\/postern\.log, which is hidden there/);
  writeFileSync(config, `${text}root = "logs"\n`);
  assert.doesNotMatch((await postern(t, folder, ['check', '-c', config])).out, /holds \S+postern\.toml/);
});

it('postern check looks at the opcode cache, what is buffered, the memory, and what would be handed out, each with its mend', async (t) => {
  if (findProgram('php-cgi') === null) return t.skip('php-cgi is not installed');
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'public'));
  writeFileSync(join(folder, 'public/index.php'), '<?php echo "hello";');
  writeFileSync(join(folder, 'public/part.tpl'), '<?php $secret = 1;');
  writeFileSync(join(folder, 'public/page.html'), '<p>no program</p>');
  const config = join(folder, 'postern.toml');
  const findings = async (ini: string, workers: number): Promise<Finding[]> => {
    const site = `[site.main]\nlisten = "unix:${folder}/site.sock"\nroot = "public"\n[[site.main.route]]\nmatch = "*.php"\npool = "php"\n`;
    const pool = `[pool.php]\nphp = "auto"\nallowRoot = true\nworkers = ${workers}\n[pool.php.ini]\n${ini}`;
    writeFileSync(config, site + pool);
    const { status, out } = await postern(t, folder, ['check', '-c', config, '--json']);
    assert.equal(status, 0, out);
    const all = JSON.parse(out) as Finding[];
    for (const { state, message, mend } of all)
      assert.equal(typeof mend === 'string' && mend !== '', state !== 'ok', `${message}: ${mend}`);
    return all;
  };
  const note = (all: readonly Finding[], pattern: RegExp): Finding => {
    const found = all.find(({ message }) => pattern.test(message));
    assert.ok(found, `nothing like ${pattern} in ${JSON.stringify(all, null, 1)}`);
    return found;
  };

  const faulty = await findings('output_buffering = 4096\nmemory_limit = "1024G"\n"opcache.enable" = false\n', 2);
  for (const [pattern, mend] of [
    [/^output_buffering = 4096: flush\(\) alone sends nothing/, /output_buffering = 0/],
    [/^2 workers of pool php x memory_limit 1024G: .* here$/, /fewer workers/],
    [/^its opcode cache is off|^it has no opcode cache/, /opcache/],
    [/^it would hand out the source of programs: \/part\.tpl$/, /hiddenNames/],
  ] as const) {
    const found = note(faulty, pattern);
    assert.equal(found.state, 'note');
    assert.match(found.mend ?? '', mend);
  }

  const good = await findings('output_buffering = 0\nmemory_limit = "16M"\n', 1);
  assert.equal(note(good, /^1 workers? of pool php x memory_limit 16M/).state, 'ok');
  assert.ok(!good.some(({ message }) => message.startsWith('output_buffering')));
  assert.equal(note(good, /^a second request, on the kept connection: 200/).state, 'ok');
});

it('postern check tells where a worker cannot write to, and what a socket file needs', async (t) => {
  if (findProgram('php-cgi') === null) return t.skip('php-cgi is not installed');
  if (process.getuid?.() !== 0) return t.skip('only root can start a pool as another user');
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'closed'), { mode: 0o700 });
  writeFileSync(
    join(folder, 'postern.toml'),
    `[site.main]\nlisten = []\n[pool.php]\nphp = "auto"\nuser = "nobody"\nini = { upload_tmp_dir = "${folder}/closed" }\n`,
  );
  const { status, out } = await postern(t, folder, ['check'], folder);
  assert.equal(status, 1);
  assert.ok(out.includes(`user nobody cannot write to ${folder}/closed (upload_tmp_dir): give user nobody`), out);
});

it('postern check as root runs the pools as run would: as the one who serves', async (t) => {
  if (findProgram('php-cgi') === null) return t.skip('php-cgi is not installed');
  if (process.getuid?.() !== 0) return t.skip('only root can start a pool as another user');
  const folder = temporaryFolder(t);
  const config = join(folder, 'postern.toml');
  const written = (user: string): void =>
    writeFileSync(config, `[service]\nuser = "${user}"\n[site.main]\nlisten = []\n[pool.php]\nphp = "auto"\n`);
  chmodSync(folder, 0o755);
  written('nobody');
  const good = await postern(t, folder, ['check', '-c', config]);
  assert.equal(good.status, 0, good.out);
  written('root');
  assert.match((await postern(t, folder, ['check', '-c', config])).err, /pool php would run as root/);
  written('nobody');
  chownSync(config, 65534, -1);
  const open = await postern(t, folder, ['check', '-c', config]);
  assert.equal(open.status, 78);
  assert.match(open.err, /postern\.toml can be changed by nobody, who serves.* chown it to root/);
});
