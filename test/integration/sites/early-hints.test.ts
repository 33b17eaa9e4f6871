// 103 Early Hints of real programs, plain CGI and FastCGI, on their way to curl by HTTP/1.1 and HTTP/2: they arrive while the program still works on its answer.
// PHP has no way to send a head before its own.

import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { testAuthority, testCertificate, writeCertificate } from '../../support/certificates.ts';
import { findProgram, temporaryFolder } from '../../support/folder.ts';
import { startPostern } from '../../support/postern-process.ts';
import { until } from '../../support/until.ts';

const curl = findProgram('curl');
const perl = findProgram('perl');
const hasFcgi = perl !== null && spawnSync(perl, ['-MFCGI', '-e', '1']).status === 0;

/** Both wait in the middle for a file of the name that they are asked with. */
const cgiProgram = `#!/bin/sh
printf 'Status: 103 Early Hints\\nLink: </a.css>; rel=preload; as=style\\n\\n'
while [ ! -e "$QUERY_STRING" ]; do sleep 0.02; done
printf 'Content-Type: text/plain\\n\\nby CGI'
`;
const fastcgiProgram = `#!/usr/bin/perl
use FCGI;
my $request = FCGI::Request();
while ($request->Accept() >= 0) {
  print "Status: 103 Early Hints\\r\\nLink: </a.css>; rel=preload; as=style\\r\\n\\r\\n";
  $request->Flush();
  select(undef, undef, undef, 0.02) until -e $ENV{QUERY_STRING};
  print "Content-Type: text/plain\\r\\n\\r\\nby FastCGI";
}
`;

/** A service by TLS with both programs. */
async function start(t: TestContext) {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'site'));
  for (const [name, text] of [
    ['site/hints.cgi', cgiProgram],
    ['hints.fcgi', fastcgiProgram],
  ] as const) {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o755);
  }
  const files = writeCertificate(folder, 'site', await testCertificate(['localhost', '127.0.0.1']));
  writeFileSync(join(folder, 'authority.pem'), (await testAuthority()).certificate);
  writeFileSync(
    join(folder, 'postern.toml'),
    `[site.main]
listen = "https://127.0.0.1:0"
tls = { certificate = "${files.certificate}", key = "${files.key}" }
root = "site"
[[site.main.route]]
match = "*.cgi"
pool = "cgi"
[[site.main.route]]
match = "/hints"
pool = "fastcgi"
[pool.cgi]
cgi = true
[pool.fastcgi]
command = ["${join(folder, 'hints.fcgi')}"]
workers = 1
`,
  );
  const service = startPostern(t, folder, ['run', '--allow-root', '-c', join(folder, 'postern.toml')], folder);
  const [url] = await service.wrote(/https:\/\/127\.0\.0\.1:\d+/);
  return { folder, url: url! };
}

describe('103 Early Hints', { skip: curl === null ? 'curl is not installed' : false }, () => {
  for (const [name, path, skip] of [
    ['CGI', '/hints.cgi', false],
    ['FastCGI', '/hints', hasFcgi ? false : 'the FCGI module of Perl is not installed'],
  ] as const) {
    it(`of a program by ${name} come ahead of its answer`, { skip }, async (t) => {
      const { folder, url } = await start(t);
      for (const [option, version] of [
        ['--http1.1', 'HTTP/1.1'],
        ['--http2', 'HTTP/2'],
      ] as const) {
        const go = join(folder, `go${option}`);
        const asked = [option, '-sSv', '--noproxy', '*', '--cacert', join(folder, 'authority.pem')];
        // curl holds what it writes to a pipe, but tells on its standard error what comes.
        let told = '';
        const { promise, resolve, reject } = Promise.withResolvers<string>();
        const child = execFile(curl!, [...asked, `${url}${path}?${go}`], { timeout: 60_000 }, (error, stdout) =>
          error === null ? resolve(stdout) : reject(error),
        );
        child.stderr!.on('data', (text: string) => (told += text));
        const fields = (): string => [...told.matchAll(/^< (.*?)\r?$/gm)].map(([, line]) => `${line}\n`).join('');
        await until(
          () => /^link:.*\n/im.test(fields()),
          () => `the hints are there: ${told}`,
        );
        const hints = fields();
        assert.match(hints, new RegExp(`^${version} 103.*\\nlink: </a.css>; rel=preload; as=style\\n$`, 'i'));
        assert.equal(existsSync(go), false);
        writeFileSync(go, '');
        assert.equal(await promise, `by ${name}`);
        const answer = fields().slice(hints.length);
        assert.match(answer, new RegExp(`^\\n?${version} 200`));
        assert.doesNotMatch(answer, /^link:/im);
      }
    });
  }
});
