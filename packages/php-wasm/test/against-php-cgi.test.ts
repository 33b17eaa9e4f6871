// Embedded PHP held against php-cgi, both under Postern: what a script learns of a request, and what it can do. The table of the README comes from here.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { findProgram, temporaryFolder } from '../../../test/support/folder.ts';
import { startPostern } from '../../../test/support/postern-process.ts';
import { differences, requestShapes, tell, writeShapesSite } from '../../../test/support/request-shapes.ts';

/** What a script does -> PHP that answers in a few words. "PORT" is that of a web server, which says "hello". */
const probes: Readonly<Record<string, string>> = {
  '`exec("echo a")` and its kind': 'return exec("echo a");',
  '`shell_exec("echo a")`': 'return trim((string) shell_exec("echo a"));',
  '`proc_open()`, `popen()`':
    'return is_resource(proc_open("echo a", [1 => ["pipe", "w"]], $pipes)) ? "a process" : "";',
  '`fsockopen("127.0.0.1", PORT)`, `stream_socket_client()`': 'return fsockopen("127.0.0.1", PORT) ? "connected" : "";',
  '`file_get_contents("http://127.0.0.1:PORT/")`': 'return file_get_contents("http://127.0.0.1:PORT/");',
  '`dns_get_record()` and its kind':
    'return function_exists("dns_get_record") && stripos((error_get_last()["message"] ?? ""), "embedded") === false && dns_get_record("localhost", DNS_A) !== false ? "records" : "";',
  'an error that ends the script, with `display_errors = 1`': 'return "FATAL";',
  '`ini_get("disable_functions")`': 'return ini_get("disable_functions") === "" ? "none" : "what is replaced";',
  '`ini_get("auto_prepend_file")`':
    'return ini_get("auto_prepend_file") === "" ? "none" : "its own, which runs the site’s";',
  '`get_included_files()`': 'return count(get_included_files()) . " file(s)";',
  'a cookie with bytes that are no UTF-8': 'return bin2hex($_COOKIE["raw"] ?? "");',
  '`/proc`': 'return file_exists("/proc/self/status") ? "there" : "not there";',
  '`putenv("TZ=Asia/Tokyo")`, seen by `getenv()`': 'putenv("TZ=Asia/Tokyo"); return getenv("TZ");',
  '`filter_input()`, `getallheaders()`, `getenv("QUERY_STRING")`':
    'return filter_input(INPUT_GET, "n") !== null && isset(getallheaders()["Host"]) && getenv("QUERY_STRING") === $_SERVER["QUERY_STRING"] ? "as sent" : "no";',
  'settings of `.user.ini`, those of php.ini alone left out':
    'return ini_get("upload_max_filesize") . " " . ini_get("post_max_size") . " " . ini_get("file_uploads");',
  '`getmypid()`': 'return posix() === getmypid() ? "the process" : "another";',
  'a session':
    'session_id("a" . bin2hex(random_bytes(8))); return session_start() && session_destroy() ? "works" : "";',
};

describe('embedded PHP, held against php-cgi', {
  skip: findProgram('php-cgi') === null ? 'php-cgi is not installed' : false,
}, () => {
  it(`tells a script the same of ${requestShapes.length} requests`, async (t) => {
    const folder = temporaryFolder(t);
    writeShapesSite(folder);
    const [theirs, ours] = [await serve(t, folder, 'auto'), await serve(t, folder, 'wasm')];
    const found: string[] = [];
    for (const shape of requestShapes) {
      // Each service has a mark of its own.
      const different = differences(await tell(theirs, shape), await tell(ours, shape)).filter(
        ({ field }) => !field.endsWith('.POSTERN_MARK'),
      );
      found.push(...different.map(({ field, a, b }) => `${shape.name}: ${field}: ${a} -> ${b}`));
    }
    assert.deepEqual(found, []);
  });

  it('differs in what the README lists, and in nothing that it does not; what cannot work warns at once, by name', async (t) => {
    const rows = await probed(t);
    const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
    assert.ok(readme.includes(`A test sends ${requestShapes.length} requests`));
    const wanted = rows.filter(([, a, b]) => a !== b).map((row) => `| ${row.join(' | ')} |`);
    const listed = readme.split('\n').filter((line) => /^\| (?!In a script)/.test(line));
    assert.deepEqual(listed, wanted);
    assert.equal(rows.filter(([, , ours]) => ours.includes('a warning')).length, 6);
  });
});

async function probed(t: TestContext): Promise<readonly (readonly [string, string, string])[]> {
  const folder = temporaryFolder(t);
  writeShapesSite(folder);
  const server = createServer((_, response) => response.end('hello'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const cases = Object.values(probes).map(
    (code, index) => `${index} => function () { ${code.replaceAll('PORT', String(port))} }`,
  );
  writeFileSync(
    join(folder, 'site', 'probe.php'),
    `<?php function posix() { return getmypid(); } $GLOBALS['warned'] = ''; set_error_handler(function ($n, $text) { if (stripos($text, 'embedded PHP') !== false) $GLOBALS['warned'] = ', a warning that says so'; return true; });
$cases = [${cases.join(',\n')}];
$result = $cases[(int) $_GET['n']](); if ($result === 'FATAL') nope();
echo json_encode([is_string($result) ? $result : var_export($result, true), $GLOBALS['warned']], JSON_INVALID_UTF8_SUBSTITUTE);`,
  );
  writeFileSync(join(folder, 'site', '.user.ini'), 'upload_max_filesize = 3M\npost_max_size = 9M\nfile_uploads = 0\n');
  const [theirs, ours] = [await serve(t, folder, 'auto'), await serve(t, folder, 'wasm')];
  const rows: [string, string, string][] = [];
  for (const [index, name] of Object.keys(probes).entries())
    rows.push([name, await probe(theirs, index), await probe(ours, index)]);
  return rows;
}

async function probe(port: number, index: number): Promise<string> {
  const told = await tell(port, {
    name: '',
    text: `GET /probe.php?n=${index} HTTP/1.1\r\n@\r\nCookie: raw=a\xe9b\r\n\r\n`,
  });
  try {
    const [result, warned] = JSON.parse(told.text) as [string, string];
    return `${result === '' ? 'fails' : result}${warned}`;
  } catch {
    return `answered with ${told.status}`;
  }
}

async function serve(t: TestContext, folder: string, php: 'auto' | 'wasm'): Promise<number> {
  const config = join(folder, `${php}.toml`);
  writeFileSync(
    config,
    `[site.main]\nlisten = "127.0.0.1:0"\nroot = "site"\n[[site.main.route]]\nmatch = "*.php"\npool = "php"\n` +
      `[pool.php]\nphp = "${php}"\nworkers = 1\nallowRoot = ${process.getuid?.() === 0}\nini = { display_errors = "1" }\n`,
  );
  const [, port] = await startPostern(t, folder, ['run', '-c', config]).wrote(/"url":"http:\/\/127\.0\.0\.1:(\d+)/);
  return Number(port);
}
