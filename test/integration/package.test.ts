// The package as it is published: packed, unpacked elsewhere, and run without its sources.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { findProgram, temporaryFolder } from '../support/folder.ts';
import { startNode } from '../support/node-program.ts';

const project = new URL('../../', import.meta.url).pathname;

describe('the packed package', () => {
  it('serves PHP, and gives its entries to programs', { timeout: 180_000 }, async (t) => {
    if (findProgram('php-cgi') === null) return t.skip('php-cgi is not installed');
    const folder = temporaryFolder(t);
    unpack(folder);
    mkdirSync(join(folder, 'site'));
    writeFileSync(join(folder, 'site/index.php'), '<?php echo "packed ", PHP_SAPI;');
    const env = { XDG_RUNTIME_DIR: folder };
    const args = ['serve', join(folder, 'site'), '--port', '0', '--admin', '127.0.0.1:0'];
    const program = startNode(t, [join(folder, 'node_modules/postern/bin/postern.js'), ...args], { env });
    const url = await urlOf(program);
    assert.equal(await (await fetch(url)).text(), 'packed cgi-fcgi');
    program.child.kill('SIGTERM');
    assert.equal(await program.ended, 0);

    const entries = ['postern', 'postern/app', 'postern/client', 'postern/protocol'];
    writeFileSync(join(folder, 'entries.mjs'), entries.map((entry) => `import '${entry}';`).join('\n'));
    assert.equal(await startNode(t, [join(folder, 'entries.mjs')]).ended, 0);
  });
});

describe('the packed package without php-cgi', () => {
  it('says that embedded PHP is not installed, and finds it where it is', { timeout: 180_000 }, async (t) => {
    const folder = temporaryFolder(t);
    unpack(folder);
    mkdirSync(join(folder, 'site'));
    writeFileSync(join(folder, 'site/index.php'), '<?php echo "packed ", 6 * 7;');
    const command = join(folder, 'node_modules/postern/bin/postern.js');
    const serve = ['serve', join(folder, 'site'), '--php', 'wasm', '--port', '0', '--admin', '127.0.0.1:0'];
    const env = { XDG_RUNTIME_DIR: folder };
    const without = startNode(t, [command, ...serve], { env });
    assert.equal(await without.ended, 78);
    assert.match(
      without.stderr(),
      /embedded PHP is not installed: .*npm install @postern\/php-wasm \(an optional package/,
    );

    unpackEmbedded(folder);
    const program = startNode(t, [command, ...serve], { env });
    const url = await urlOf(program);
    assert.equal(await (await fetch(url)).text(), 'packed 42');
    program.child.kill('SIGTERM');
    assert.equal(await program.ended, 0);
  });
});

function urlOf(program: ReturnType<typeof startNode>): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    program.child.stdout!.on('data', () => {
      const found = /site +(http:\S+)/.exec(program.stdout().toString())?.[1];
      if (found !== undefined) resolve(found);
    });
    void program.ended.then(() => reject(new Error(program.stderr())));
  });
}

/** The same with the package of embedded PHP. */
function unpackEmbedded(folder: string): void {
  const source = join(project, 'packages/php-wasm');
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: source, stdio: 'pipe' });
  const target = join(folder, 'node_modules/@postern/php-wasm');
  mkdirSync(target, { recursive: true });
  const { version } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as { readonly version: string };
  const archive = join(folder, `postern-php-wasm-${version}.tgz`);
  execFileSync('tar', ['xzf', archive, '--strip-components=1', '-C', target]);
  // Where npm put what it depends on.
  const modules = [join(source, 'node_modules'), join(project, 'node_modules')].find((one) =>
    existsSync(join(one, '@php-wasm')),
  );
  symlinkSync(join(modules!, '@php-wasm'), join(folder, 'node_modules/@php-wasm'));
}

/** Packs the project and unpacks it as an installed package, beside the packages it depends on. */
function unpack(folder: string): void {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: project, stdio: 'pipe' });
  const manifest = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as {
    readonly version: string;
    readonly dependencies: Readonly<Record<string, string>>;
  };
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, 'postern'), { recursive: true });
  const archive = join(folder, `postern-${manifest.version}.tgz`);
  execFileSync('tar', ['xzf', archive, '--strip-components=1', '-C', join(modules, 'postern')]);
  for (const name of Object.keys(manifest.dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(project, 'node_modules', name), join(modules, name));
  }
}
