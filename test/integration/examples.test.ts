import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { findProgram, temporaryFolder } from '../support/folder.ts';
import { type NodeProgram, startNode } from '../support/node-program.ts';
import { asOneself } from '../support/postern-process.ts';

const project = new URL('../../', import.meta.url).pathname;

describe('the examples', () => {
  for (const which of ['php-cgi', 'wasm'] as const) {
    it(`php-site shows its process and takes a form with a file (${which})`, { timeout: 120_000 }, async (t) => {
      if (which === 'php-cgi' && findProgram('php-cgi') === null) return t.skip('php-cgi is not installed');
      const php = which === 'wasm' ? 'php = "wasm"' : 'php = "auto"';
      const url = await startExample(t, 'php-site', (toml) =>
        toml.replace('php = "auto"', php).replace('workers = 8', 'workers = 1'),
      );
      const first = await (await fetch(url)).text();
      const pid = /process&nbsp;<em>(\d+)<\/em>/.exec(first)?.[1];
      assert.ok(Number(pid) > 1);
      assert.match(first, which === 'wasm' ? /<dd>embedded</ : /<dd>php-cgi</);
      assert.match(await (await fetch(url)).text(), new RegExp(`<em>${pid}</em>`));
      const form = new FormData();
      form.set('name', 'Ada <b>');
      form.set('file', new Blob(['x'.repeat(100_000)], { type: 'text/plain' }), 'a "file".txt');
      const shown = await (await fetch(url, { method: 'POST', body: form })).text();
      assert.match(shown, /Hello Ada &lt;b&gt;/);
      assert.match(shown, /100\.0 kB/);
      assert.match(
        await (await fetch(`${url}path.php/from/the/url?a=b`)).text(),
        /PATH_INFO<\/th><td>\/from\/the\/url</,
      );
      assert.match(await (await fetch(`${url}info.php`)).text(), /upload_max_filesize<\/th><td>64M</);
      assert.equal((await fetch(`${url}postern.toml`)).status, 404);
    });
  }

  it('cgi-script runs a shell script and a Perl script', { timeout: 60_000 }, async (t) => {
    const url = await startExample(t, 'cgi-script');
    const shell = await fetch(`${url}cgi-bin/hello.sh/some/path?a=b`, { method: 'POST', body: '12345' });
    assert.match(await shell.text(), /Path +\/some\/path\nQuery +a=b\n(?:.*\n)*Body +5 bytes/);
    if (findProgram('perl') === null) return t.skip('perl is not installed');
    const body = new URLSearchParams({ name: 'Ada <b>' });
    assert.match(
      await (await fetch(`${url}cgi-bin/guestbook.pl`, { method: 'POST', body })).text(),
      /Thank you, Ada &lt;b&gt;/,
    );
  });

  it('fastcgi-program runs a program in C and one in Perl, which count', { timeout: 60_000 }, async (t) => {
    if (findProgram('cc') === null) return t.skip('a C compiler is not installed');
    const build = (folder: string) => {
      execFileSync('cc', ['-o', join(folder, 'counter'), join(folder, 'counter.c'), '-lfcgi'], { stdio: 'pipe' });
    };
    const url = await startExample(t, 'fastcgi-program', (toml) => toml, build);
    for (const name of ['counter', 'perl']) {
      for (const count of [1, 2]) {
        const text = await (await fetch(`${url}${name}/hello`)).text();
        assert.match(text, new RegExp(`^Request ${count} of process \\d+\\.\nYou asked for /hello\\.$`, 'm'));
      }
    }
    assert.ok((await fetch(`${url}counter.c`)).status >= 400);
  });
});

/** Runs a copy of an example on a free port. @returns its URL */
async function startExample(
  t: TestContext,
  name: string,
  change: (toml: string) => string = (toml) => toml,
  build: (folder: string) => void = () => {},
): Promise<string> {
  const folder = join(temporaryFolder(t), name);
  cpSync(join(project, 'examples', name), folder, { recursive: true });
  build(folder);
  const config = join(folder, 'postern.toml');
  const toml = readFileSync(config, 'utf8').replace('127.0.0.1:8000', '127.0.0.1:0').replace('[admin]\n', '');
  writeFileSync(config, change(toml));
  const env = { XDG_RUNTIME_DIR: folder };
  let program: NodeProgram | null = null;
  // Before startNode ends it in its own way.
  t.after(async () => {
    program?.child.kill('SIGTERM');
    assert.equal(await program?.ended, 0);
  });
  program = startNode(t, [join(project, 'bin/postern.js'), 'run', '-c', config, ...asOneself(['run'])], { env });
  for (;;) {
    const text: string = `${program.stdout()}${program.stderr()}`;
    const url = /"url":"(http:[^"]+)"/.exec(text)?.[1];
    if (url !== undefined) return url;
    assert.equal(program.child.exitCode, null, text);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
