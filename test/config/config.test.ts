import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { parseConfig, readConfig } from '../../src/config/config-file.ts';
import type { ConfigValues } from '../../src/config/config-schema.ts';
import { defineConfig } from '../../src/config/define-config.ts';
import type { PoolKind, PoolValues } from '../../src/config/pool-schema.ts';
import { PosternError } from '../../src/errors.ts';
import { patternHint } from '../../src/protocol/http/path.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-config-'));
mkdirSync(join(folder, 'public'));
symlinkSync('circle', join(folder, 'circle'));
const file = join(folder, 'postern.toml');
const isRoot = process.getuid?.() === 0;
after(() => rmSync(folder, { recursive: true }));

const good = `
[site.main]
root = "public"
[[site.main.route]]
match = "*.php"
pool = "php"
[pool.php]
php = "auto"
queueTimeout = "2s"
maxMemory = "256MB"
`;

describe('parseConfig()', () => {
  it('reads durations as milliseconds, sizes as bytes, and fills in the defaults', () => {
    const { values, folder: from } = parseConfig(good, file);
    assert.equal(from, folder);
    const { kind, php, queueTimeout, readTimeout, workers, maxMemory, extensions } = poolOf(values, 'php', 'php');
    assert.deepEqual([kind, php, queueTimeout, readTimeout, workers], ['php', 'auto', 2_000, 60_000, 8]);
    assert.deepEqual([maxMemory, extensions], [268_435_456, ['.php', '.phar']]);
    assert.deepEqual(values.site.main?.listen, [{ address: '127.0.0.1:8000', mode: 0o660, proxyProtocol: false }]);
    assert.deepEqual(values.service, {
      maxConnections: 0,
      maxConnectionsPerClient: 0,
      minBodyRate: 500,
      headTimeout: 30_000,
      keepAliveTimeout: 75_000,
      maxRequests: 0,
      memoryBodies: 67_108_864,
    });
    assert.deepEqual(values.site.main?.route[0]?.match, ['*.php']);
    assert.equal(values.admin, undefined);
  });

  it('starts the path of a socket from the folder of the file, as all paths', () => {
    const { values } = parseConfig(
      '[admin]\nlisten = "unix:run/admin.sock"\n[site.a]\nroot = "public"\nlisten = ["unix:a.sock", "fastcgi+unix:../b.sock", "unix:/run/c.sock"]\n[pool.x]\nconnect = "unix:php.sock"\n',
      file,
    );
    assert.equal(values.admin?.listen, `unix:${folder}/run/admin.sock`);
    assert.deepEqual(addressesOf(values, 'a'), [
      `unix:${folder}/a.sock`,
      `fastcgi+unix:${join(folder, '../b.sock')}`,
      'unix:/run/c.sock',
    ]);
    assert.deepEqual(poolOf(values, 'x', 'connect').connect, [
      { address: `unix:${folder}/php.sock`, weight: 1, backup: false },
    ]);
  });

  it('takes a table where an address has more to say', () => {
    const { values } = parseConfig(
      '[site.a]\nroot = "public"\nlisten = [":8001", { address = "unix:a.sock", owner = "root", mode = "0666" }]\n[pool.x]\nconnect = ["a:1", { address = "b:2", weight = 3 }, { address = "unix:c", backup = true }]\n',
      file,
    );
    assert.deepEqual(values.site.a?.listen, [
      { address: ':8001', mode: 0o660, proxyProtocol: false },
      { address: `unix:${folder}/a.sock`, owner: 'root', mode: 0o666, proxyProtocol: false },
    ]);
    assert.deepEqual(poolOf(values, 'x', 'connect').connect, [
      { address: 'a:1', weight: 1, backup: false },
      { address: 'b:2', weight: 3, backup: false },
      { address: `unix:${folder}/c`, weight: 1, backup: true },
    ]);
  });

  it('takes one value where a list is possible', () => {
    const { values } = parseConfig('[site.a]\nroot = "public"\nlisten = ":8001"\nindex = "a.html"\n', file);
    assert.deepEqual(addressesOf(values, 'a'), [':8001']);
    assert.deepEqual(values.site.a?.index, ['a.html']);
  });

  const site = '[site.main]\nroot = "public"\n';
  const php = '[pool.php]\nphp = "auto"\n';
  const refused: [what: string, text: string, problem: string][] = [
    ['text that is not TOML', 'a = = 1', ':1: this is not TOML: unexpected token (column 5)'],
    [
      'a date that there is not, beside what is wrong with the keys',
      '[pool.p]\ncommand = ["p"]\nworker = 2\nworkers = 2026-02-30\n',
      ':4: this is not TOML: ',
    ],
    [
      'a key of another spelling',
      `${site}${php}worker = 3`,
      ':5: unknown key "worker" in [pool.php]: did you mean "workers"?',
    ],
    [
      'a key in snake case',
      `${site}${php}queue_timeout = "3s"`,
      ':5: unknown key "queue_timeout" in [pool.php]: did you mean "queueTimeout"?',
    ],
    [
      'a section of another spelling',
      `${site}[poool.php]\nphp = "auto"`,
      ':3: unknown section or key "poool": did you mean "pool"?',
    ],
    [
      'a key that is near to nothing',
      `${site}[log]\nxyzzy = 1`,
      ':4: unknown key "xyzzy" in [log]: known are level, file, format, access',
    ],
    ['a number that is too small', `${site}${php}workers = 0`, ':5: workers in [pool.php] must be at least 1, not 0'],
    [
      'a number with a fraction',
      `${site}${php}workers = 1.5`,
      ':5: workers in [pool.php] must be a whole number, not 1.5',
    ],
    [
      'a duration without a unit',
      `${site}${php}idleTimeout = "5"`,
      ':5: idleTimeout in [pool.php] is "5": write a duration such as "250ms", "30s", "5m" or "1h"',
    ],
    [
      'a number for a duration',
      `${site}${php}idleTimeout = 5`,
      ':5: idleTimeout in [pool.php] is 5: write a duration such as "250ms", "30s", "5m" or "1h"',
    ],
    [
      'a size in words',
      `${site}${php}maxMemory = "big"`,
      ':5: maxMemory in [pool.php] is "big": write a size such as "64KB", "128MB" or "1GB"',
    ],
    [
      'a word that is not one of the choices',
      `${site}[log]\nlevel = "loud"`,
      ':4: level in [log] must be "debug" or "info" or "warn" or "error", not "loud"',
    ],
    [
      'a name with a space',
      `${site}[pool."a b"]\nphp = "auto"`,
      ':3: [pool."a b"]: a name is 1 to 40 letters, digits, "-" and "_"',
    ],
    ['no site', php, ': there is no site: add a section [site.main] with its root and routes'],
    [
      'a folder that is not there',
      '[site.main]\nroot = "gone"',
      `:2: root in [site.main]: there is no folder ${folder}/gone`,
    ],
    [
      'a pool that is not there',
      `${site}[[site.main.route]]\nmatch = "*.php"\npool = "ph"\n${php}`,
      ':5: there is no pool "ph": did you mean "php"?',
    ],
    [
      'a route to nowhere',
      `${site}[[site.main.route]]\nmatch = "*.php"`,
      ':3: [[site.main.route]] does not say where it leads: give one of pool, files, deny',
    ],
    [
      'a match with a star in the middle',
      `${site}[[site.main.route]]\nmatch = "/a*b"\ndeny = true`,
      ':4: match "/a*b" is no pattern: write "*.suffix", "/prefix/*", "/prefix/*.suffix", "/exact/path" or "name"; "{a,b}" is either',
    ],
    [
      'a suffix without its dot',
      `${site}[[site.main.route]]\nmatch = "*php"\ndeny = true`,
      ':4: match "*php" is no pattern: write "*.suffix", "/prefix/*", "/prefix/*.suffix", "/exact/path" or "name"; "{a,b}" is either',
    ],
    [
      'a trusted proxy that is no network',
      `${site}trustedProxies = ["10.0.0.1", "10.0.0.0/"]`,
      ':3: trustedProxies in [site.main]: "10.0.0.0/" in trustedProxies is no address: write an address, a network ("10.0.0.0/8") or "unix"',
    ],
    [
      'admin pages over FastCGI',
      `${site}[admin]\nlisten = "fastcgi://127.0.0.1:2020"`,
      ':4: listen in [admin]: "fastcgi://127.0.0.1:2020" cannot be: the admin pages are HTTP: write "127.0.0.1:2020"',
    ],
    [
      'a pool that runs nothing',
      `${site}[pool.x]\nworkers = 2`,
      ':3: [pool.x] does not say what it runs: give one of php, command, connect, cgi, app',
    ],
    [
      'a pool that runs two things',
      `${site}[pool.x]\nphp = "auto"\ncgi = true`,
      ':5: [pool.x] says php and cgi: give one of php, command, connect, cgi, app',
    ],
    [
      'ini for a program that is not PHP',
      `${site}[pool.x]\ncommand = ["/bin/true"]\nini = { a = 1 }`,
      ':5: ini in [pool.x] is for php: this one has command',
    ],
    [
      'threads of a program that is no application',
      `${site}${php}threads = 2`,
      ':5: threads in [pool.php] is for app: this one has php',
    ],
    [
      'more kept than allowed',
      `${site}${php}workers = 2\nminWorkers = 3`,
      ':6: minWorkers in [pool.php] is 3, above workers (2): lower it, or raise workers',
    ],
    [
      'an application that is not there',
      `${site}[pool.x]\napp = "app.ts"`,
      `:4: app in [pool.x]: there is no file ${folder}/app.ts`,
    ],
    [
      'an address that is none',
      `${site}listen = "localhost"`,
      ':3: listen in [site.main]: "localhost" is not an address: write HOST:PORT, [IPV6]:PORT or unix:/PATH',
    ],
    [
      'a server elsewhere whose address is none',
      `${site}[pool.x]\nconnect = ["10.0.0.1"]`,
      ':4: connect in [pool.x]: "10.0.0.1" is not an address: write HOST:PORT, [IPV6]:PORT or unix:/PATH',
    ],
    [
      'TLS without a certificate',
      `${site}listen = "https://:443"`,
      ':3: listen in [site.main]: "https://:443" needs a certificate: add tls = { certificate = "...", key = "..." } (or "auto") to [site.main]',
    ],
    [
      'certificates without TLS',
      `${site}tls = { certificate = "a", key = "b" }`,
      ':3: tls in [site.main] is for "https://" listeners: add one to listen, "https://:443"',
    ],
    [
      'as many keys as certificates, not',
      `${site}listen = "https://:443"\ntls = { certificate = ["a", "b"], key = "c" }`,
      ':4: tls in [site.main] is {"certificate":["a","b"],"key":"c"}: give as many keys as certificates, in the same order',
    ],
    [
      'a name that is none',
      `${site}host = "http://a"`,
      ':3: host in [site.main] is "http://a": write a name such as "example.org" or "*.example.org", without port and path',
    ],
    [
      'a redirect with a path',
      `${site}redirect = "https://a/b"`,
      ':3: redirect in [site.main] is "https://a/b": write an origin such as "https://example.org", or "https" for the same name',
    ],
    [
      'two sites of one name at an address',
      `${site}host = ["a.test", "b.test"]\n[site.two]\nroot = "public"\nhost = "A.test."`,
      ':4: listen in [site.two]: "127.0.0.1:8000" is also that of [site.main], with the same name "a.test": a name is one site\'s',
    ],
    [
      'two sites without a name at an address',
      `${site}[site.two]\nroot = "public"\nlisten = "127.0.0.1:8000"`,
      ':5: listen in [site.two]: "127.0.0.1:8000" is also that of [site.main]: sites that share an address need names: add host to one of them',
    ],
    [
      'two protocols at an address',
      `${site}host = "a.test"\n[site.two]\nroot = "public"\nlisten = "fastcgi://127.0.0.1:8000"`,
      ':6: listen in [site.two]: "fastcgi://127.0.0.1:8000" is also that of [site.main], with another protocol: one of the two needs another port',
    ],
    [
      'the PROXY protocol of nobody',
      `${site}listen = { address = ":80", proxyProtocol = true }`,
      ':3: proxyProtocol in [site.main]: say in trustedProxies who may speak it',
    ],
    [
      'a scheme that is none',
      `${site}listen = "gopher://:70"`,
      ':3: listen in [site.main]: "gopher://:70": "gopher" is not http, https, h2c or fastcgi',
    ],
    [
      'a name of a PHP setting that is none',
      `${site}${php}ini = { "memory limit" = "1M" }`,
      ':5: memory limit in [pool.php.ini]: "memory limit" is not the name of a PHP setting: write one such as memory_limit',
    ],
    [
      'a log in a folder that is not there',
      `${site}[log]\nfile = "gone/a.log"`,
      `:4: file in [log]: there is no folder ${folder}/gone`,
    ],
    [
      'a log that is a folder',
      `${site}[log]\nfile = "public"`,
      `:4: file in [log]: ${folder}/public is a folder: name a file in it`,
    ],
    [
      'a log in a folder that cannot be looked at',
      `${site}[log]\nfile = "circle/a.log"`,
      `:4: file in [log]: there is no folder ${folder}/circle`,
    ],
    [
      'a root that cannot be looked at',
      '[site.main]\nroot = "circle"\n',
      `:2: root in [site.main]: there is no folder ${folder}/circle`,
    ],
    [
      'a user that is not there, or any without root',
      `${site}${php}user = "no-such-user"`,
      isRoot
        ? ':5: user in [pool.php]: there is no user "no-such-user" on this system: create it, or change user'
        : ':5: user in [pool.php] needs Postern to be started as root',
    ],
    [
      'an address used twice',
      `${site}[site.b]\nroot = "public"`,
      ':3: listen in [site.b]: "127.0.0.1:8000" is also that of [site.main]',
    ],
    [
      'a token that could be guessed',
      `${site}[admin]\ntoken = "short"`,
      ':4: token in [admin] has 5 characters, and needs 16 or more: make one with: openssl rand -hex 16',
    ],
    [
      'a token that cannot stand in a header',
      `${site}[admin]\ntoken = "correct horse battery"`,
      ':4: token in [admin] has spaces, or characters that are not ASCII: make one with: openssl rand -hex 16',
    ],
    [
      'two tokens',
      `${site}[admin]\ntoken = "0123456789abcdef"\ntokenFile = "token"`,
      ':5: token and tokenFile in [admin] exclude each other: keep one',
    ],
    [
      'a token in a file that is not there',
      `${site}[admin]\ntokenFile = "no-such-token"`,
      `:4: tokenFile in [admin] cannot be read: ENOENT: no such file or directory, open '${folder}/no-such-token'`,
    ],
    [
      'the address of a site for the admin pages',
      `[admin]\nlisten = "127.0.0.1:8000"\n${site}`,
      ':2: listen in [admin]: "127.0.0.1:8000" is also that of [site.main]',
    ],
  ];
  refused.push(
    [
      'a key that is for other kinds of pool',
      `${site}${php}reuse = "never"`,
      ':5: reuse in [pool.php] is for command, connect and app: this one has php',
    ],
    [
      'a key that only processes have, for servers elsewhere',
      `${site}[pool.x]\nconnect = "a:1"\nminWorkers = 2`,
      ':5: minWorkers in [pool.x] is for php, command and app: this one has connect',
    ],
    [
      'a key of another spelling where nothing says what runs',
      `${site}[pool.x]\ncomand = ["/bin/true"]`,
      ':4: unknown key "comand" in [pool.x]: did you mean "command"?',
    ],
    [
      'a key that is for other routes',
      `${site}[[site.main.route]]\nmatch = "/x"\ndeny = true\nsource = true`,
      ':6: source in [[site.main.route]] is for files: this one has deny',
    ],
    ['no time to stop', `${site}${php}stopTimeout = 0`, ':5: stopTimeout in [pool.php] is 0: write a duration above 0'],
    [
      'a client that is no address',
      `${site}allowedClients = ["nonsense"]`,
      ':3: allowedClients in [site.main]: "nonsense" in allowedClients is no address',
    ],
    [
      'FastCGI for strangers',
      `${site}listen = "fastcgi://:9000"`,
      ':3: listen in [site.main]: "fastcgi://:9000" can be reached from other machines: set allowedClients',
    ],
    [
      'certificates by themselves for a site without names',
      `${site}listen = "https://:443"\ntls = "auto"`,
      ':4: tls = "auto" in [site.main]: say for which names: add host',
    ],
    [
      'certificates by themselves for a wildcard',
      `${site}listen = "https://:443"\nhost = ["a.org", "*.a.org"]\ntls = "auto"`,
      ':4: tls = "auto" in [site.main] gets no certificate for "*.a.org"',
    ],
    [
      'certificates by themselves for an address',
      `${site}listen = "https://:443"\nhost = "192.0.2.1"\ntls = "auto"`,
      ':4: tls = "auto" in [site.main] gets no certificate for the address 192.0.2.1',
    ],
    [
      'keys below the root of a site',
      `${site}listen = "https://:443"\nhost = "a.org"\ntls = "auto"\n[acme]\nstore = "public/keys"`,
      `:7: the certificates would be kept in ${folder}/public/keys, below the root of site main: set store in [acme]`,
    ],
    [
      'an authority that is not asked by TLS',
      `${site}listen = "https://:443"\nhost = "a.org"\ntls = "auto"\n[acme]\ndirectory = "http://a.org/dir"`,
      ':7: directory in [acme] is "http://a.org/dir": write the URL of a directory',
    ],
    [
      'an owner of what is no socket file',
      `${site}listen = { address = ":80", owner = "root" }`,
      ':3: listen in [site.main] is {"address":":80","owner":"root"}: owner, group and mode are for socket files',
    ],
    [
      'a group of a socket file that is not there',
      `${site}listen = { address = "unix:a.sock", group = "no-such-group" }`,
      ':3: group in listen in [site.main]: there is no group "no-such-group" on this system',
    ],
    [
      'a key of another spelling in a table of a list',
      `${site}[pool.x]\nconnect = ["a:1",\n  { adress = "b:2" }]`,
      ':5: unknown key "adress" in [[pool.x.connect]]: did you mean "address"?',
    ],
    [
      'a glob that is not known',
      `${site}[[site.main.route]]\nmatch = "/a/**"\ndeny = true`,
      `:4: match "/a/**" is no pattern: ${patternHint}`,
    ],
    [
      'a name in any folder for a pool',
      `${site}[[site.main.route]]\nmatch = "a.php"\npool = "php"\n${php}`,
      ':4: match "a.php": a name in any folder is for deny and files: write "/a.php" for the one at the top',
    ],
    [
      'bodies that are passed on to PHP as they arrive',
      `${site}[[site.main.route]]\nmatch = "*.php"\npool = "php"\nstreamUploads = true\n${php}`,
      ':6: streamUploads in [[site.main.route]]: PHP has to know how long a body is: take it out',
    ],
    [
      'an ending that the pool does not run',
      `${site}[[site.main.route]]\nmatch = ["*.php", "/a/*.{phar,PHTML}"]\npool = "php"\n${php}`,
      ':4: match "/a/*.{phar,PHTML}": pool php runs only .php and .phar: add ".phtml" to its extensions',
    ],
    [
      'a front controller of a suffix',
      `${site}[[site.main.route]]\nmatch = "*.php"\npool = "php"\nfallback = "/index.php"\n${php}`,
      ':6: fallback in [[site.main.route]] is for a prefix: write match = "/app/*", or the fallback of the site',
    ],
    [
      'a folder where an application is mounted',
      `${site}[[site.main.route]]\nmatch = "/app/*"\npool = "x"\nroot = "public"\n[pool.x]\nconnect = "a:1"`,
      ':6: root in [[site.main.route]]: pool x is mounted there, and no file is looked for: take it out',
    ],
    [
      'a folder of a route that is not there',
      `${site}[[site.main.route]]\nmatch = "/a/*"\nfiles = true\nroot = "gone"`,
      `:6: root in [[site.main.route]]: there is no folder ${folder}/gone`,
    ],
    [
      'a route that is no list',
      `${site}[site.main.route]\nmatch = "*.php"`,
      ':3: route in [site.main] must be a list: write [[site.main.route]]',
    ],
    ['a section that is a number', `${site}[pool]\nx = 3`, ':4: [pool.x] must be a section, not 3'],
  );
  for (const [what, text, problem] of refused) {
    it(`refuses ${what} with its line and what to do`, () => {
      assert.throws(
        () => parseConfig(text, file),
        (error) =>
          error instanceof PosternError &&
          error.code === 'CONFIG_INVALID' &&
          error.message.includes(`${file}${problem}`),
        problemIn(() => parseConfig(text, file)),
      );
    });
  }

  it('names every problem, in the order of their lines', () => {
    const message = problemIn(() => parseConfig(`${site}${php}workers = 0\nwoker = 1\nqueue = -1`, file));
    assert.deepEqual(
      message.split('\n').map((line) => line.slice(file.length).split(':')[1]),
      ['5', '6', '7'],
    );
  });

  it('tells all that is wrong in one go, in keys, in rules and on the disk', () => {
    const text = `[site.main]
root = "gone"
maxBody = "big"
woot = 1
allowedClients = ["10.0.0.1", "nonsense"]
[[site.main.route]]
match = ["*.php", "/a*b"]
pool = "pph"
[[site.main.route]]
match = "/x"
[pool.php]
php = "auto"
lanes = 2
minWorkers = 9
workers = "many"
[pool.two]
cgi = true
app = "a.ts"
[pool.one]
app = "gone.ts"
cwd = "gone"
[log]
level = "loud"
file = "gone/a.log"`;
    const lines = problemIn(() => parseConfig(text, file)).split('\n');
    assert.deepEqual(
      lines.map((line) => Number(line.slice(file.length).split(':')[1])),
      [2, 3, 4, 5, 7, 8, 9, 13, 15, 18, 20, 21, 23, 24],
      lines.join('\n'),
    );
  });
});

describe('readConfig()', () => {
  it('says that there is no such file', async () => {
    await assert.rejects(readConfig(join(folder, 'none.toml')), {
      code: 'CONFIG_INVALID',
      message: /there is no such file/,
    });
  });

  it('says that it is a folder', async () => {
    await assert.rejects(readConfig(folder), {
      code: 'CONFIG_INVALID',
      message: `${folder}: it is a folder: name the configuration with -c FILE`,
    });
  });

  it('keeps the file it read, for a reload', async () => {
    writeFileSync(file, good);
    assert.equal((await readConfig(file)).file, file);
  });
});

describe('defineConfig()', () => {
  it('checks a configuration made in the program as it does a file', () => {
    assert.throws(() => defineConfig({ site: { main: { root: 'gone' } } }, folder), {
      message: `root in [site.main]: there is no folder ${folder}/gone`,
    });
  });
});

function poolOf<Kind extends PoolKind>(values: ConfigValues, name: string, kind: Kind) {
  const pool = values.pool[name];
  assert.equal(pool?.kind, kind);
  return pool as Extract<PoolValues, { kind: Kind }>;
}

const addressesOf = (values: ConfigValues, site: string) => values.site[site]?.listen.map(({ address }) => address);

function problemIn(run: () => unknown): string {
  try {
    run();
    return 'nothing was thrown';
  } catch (error) {
    return (error as Error).message;
  }
}
