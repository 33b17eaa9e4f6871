import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseConfig } from '../../src/config/config-file.ts';
import { temporaryFolder } from '../support/folder.ts';

const site = '[site.main]\n';
const head = '[[site.main.rule]]\n';

/** What is wrong with a rule; empty: nothing. */
function problemOf(rule: string, more = '', folder = '/'): string {
  try {
    parseConfig(`${site}${head}${rule}\n${more}`, join(folder, 'postern.toml'));
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('a rule of a configuration', () => {
  const sound = [
    'match = "/a"\nredirect = "/b"',
    'match = ["/a/*", "/b/*"]\nrewrite = "/x.php?p=$1"',
    'regex = \'^/(?P<id>\\d+)$\'\nredirect = "/x/$id"\nstatus = 308',
    'match = "/*"\ntry = ["$path", "$path/", "/index.php?$args"]',
    'match = "/*"\ntry = ["$uri", "=404"]',
    'match = "/a"\nstatus = 410',
    'match = "*.css"\nexpires = "30d"',
    'match = "/*"\nlimit = "10/s"',
    'match = "/*"\nlimit = { connections = 2, by = "network" }',
    'match = "/*"\nallow = ["10.0.0.0/8", "all", "unix"]',
    'match = "/*"\nproxy = "http://127.0.0.1:5173"',
    'match = "/*"\nproxy = { url = "unix:app.sock", readTimeout = "5s" }',
    'match = "/*"\nerrorPages = { 404 = "/404.html", 5xx = "/oops.php" }',
    'match = "/*"\nheader = { Link = ["<a>", "<b>"] }\nonStatus = [404, "2xx"]',
  ];
  for (const rule of sound) {
    it(`is taken as ${JSON.stringify(rule)}`, () => assert.equal(problemOf(rule), ''));
  }

  const faults: [rule: string, message: RegExp][] = [
    ['redirect = "/b"', /:2: .*needs either match or regex/],
    ['match = "/a"\nregex = "a"\nstatus = 404', /needs either match or regex/],
    ['match = "/a"', /:2: .*does nothing/],
    ['match = "/a?b"\nstatus = 404', /:3: match in .*"\/a\?b" is no pattern/],
    ["regex = '(a'\nstatus = 404", /:3: regex in .*RE2's syntax/],
    ['match = "/a"\nredirect = "/x/$1"', /:4: redirect in .*there is no \$1/],
    ['match = "/a"\nredirect = "b"', /redirect in .*begin it with "\/" or "https:\/\/"/],
    ['match = "/a"\nrewrite = "https://b/"', /rewrite in .*begin it with "\/"/],
    ['match = "/a"\nredirect = "/b"\nrewrite = "/c"', /make two rules of it/],
    ['match = "/a"\nredirect = "/b"\nstatus = 404', /:5: status in .*301, 302, 303, 307, 308/],
    ['match = "/a"\nstatus = 200', /status 200 is none that a rule answers with/],
    ['match = "/a"\ntry = ["$path", "=500"]', /ends in none of =403, =404/],
    ['match = "/a"\nheader = { "Content-Length" = "1" }', /Content-Length is set by whoever sends the answer/],
    ['match = "/a"\nheader = { "A" = "b\\nc" }', /holds a control character/],
    ['match = "/a"\nheader = { "A b" = "c" }', /no name of a field/],
    ['match = "/a"\nonStatus = 404', /needs header/],
    ['match = "/a"\nlimit = "10"', /write a rate such as/],
    ['match = "/a"\nlimit = "0/s"', /lets nobody in/],
    ['match = "/a"\nlimit = {}', /limits nothing/],
    ['match = "/a"\nallow = "10.0.0.0/40"', /:4: allow in .*is no address/],
    ['match = "/a"\nallow = "10.0.0.1"\nsatisfy = "any"', /needs auth and allow or deny/],
    ['match = "/a"\nproxy = "127.0.0.1:80"', /write "http:\/\/host:port"/],
    ['match = "/a"\nerrorPages = { 200 = "/x" }', /write a status such as 404/],
    ['match = "/a"\nauth = { file = "missing" }', /missing cannot be read \(ENOENT\): make it with "htpasswd/],
    ['match = "/a"\nauth = { pool = "who" }', /there is no pool "who": add a section \[pool.who\]/],
    ['match = "/a"\nredirekt = "/b"', /:4: unknown key "redirekt" .*did you mean "redirect"\?/],
  ];
  for (const [rule, message] of faults) {
    it(`is refused as ${JSON.stringify(rule)}`, () => assert.match(problemOf(rule), message));
  }

  it('asks no program that cannot be an authorizer', () => {
    assert.match(
      problemOf('match = "/a"\nauth = { pool = "php" }', '[pool.php]\nphp = "auto"'),
      /cannot be an authorizer/,
    );
    assert.equal(problemOf('match = "/a"\nauth = { pool = "who" }', '[pool.who]\nconnect = "127.0.0.1:9000"'), '');
  });

  it('names the user whose password is kept in a way that is not known', (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'htpasswd'), 'ann:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\nbob:$6$salt$hash\n');
    const message = problemOf('match = "/a"\nauth = { file = "htpasswd" }', '', folder);
    assert.match(message, /the password of bob is kept in a way that is not known/);
    assert.doesNotMatch(message, /ann/);
  });

  it('is not for a site of a web server, which has its own', () => {
    const text = `[site.main]\nlisten = ["127.0.0.1:8000", "fastcgi://127.0.0.1:9000"]\n${head}match = "/a"\nstatus = 404\n`;
    assert.throws(
      () => parseConfig(text, '/postern.toml'),
      /:2: .*rules are for HTTP, and "fastcgi:\/\/127.0.0.1:9000"/,
    );
  });
});
