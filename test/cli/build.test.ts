// What `npm run build` makes: it is run by a checkout as long as no source was changed since.

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { built, isBuilt, stateOfSources } from '../../bin/build-state.js';
import { temporaryFolder } from '../support/folder.ts';
import { startNode } from '../support/node-program.ts';

const project = new URL('../../', import.meta.url).pathname;

describe('the state of the sources', () => {
  it('is that of the build until a file is changed, made or gone, at the same size or an earlier time, too', (t) => {
    const root = temporaryFolder(t);
    mkdirSync(join(root, 'src/deep'), { recursive: true });
    mkdirSync(join(root, 'dist'));
    for (const file of ['package.json', 'package-lock.json', 'build.ts', 'src/a.ts', 'src/deep/b.ts'])
      writeFileSync(join(root, file), 'one');
    assert.equal(isBuilt(root), false, 'nothing was built');
    const state = stateOfSources(root);
    const isAsBuilt = (): boolean => isBuilt(root);
    writeFileSync(join(root, built), state);
    assert.equal(isAsBuilt(), true);

    writeFileSync(join(root, 'src/deep/b.ts'), 'two');
    utimesSync(join(root, 'src/deep/b.ts'), 1, 1);
    assert.equal(isAsBuilt(), false, 'changed, and older than the build');
    writeFileSync(join(root, built), stateOfSources(root));
    writeFileSync(join(root, 'src/c.ts'), '');
    assert.equal(isAsBuilt(), false, 'a new file');
    rmSync(join(root, 'src/c.ts'));
    assert.equal(isAsBuilt(), true);
    rmSync(join(root, 'src/a.ts'));
    assert.equal(isAsBuilt(), false, 'a file that is gone');
  });
});

describe('a checkout', () => {
  it('runs what was built, and its sources once one of them was changed', { timeout: 300_000 }, async (t) => {
    const root = await builtCheckout(t);
    assert.deepEqual(await filesOf(t, root), { dist: true, src: false });
    writeFileSync(join(root, 'src/new.ts'), '');
    assert.deepEqual(await filesOf(t, root), { dist: false, src: true });
  });

  it('loads neither the schema nor pools before a service is started as root, and the service not the command line', {
    timeout: 300_000,
  }, async (t) => {
    const dist = join(await builtCheckout(t), 'dist');
    const [schema, commandLine, pools] = ['ZodType', 'commander.missingArgument', 'src/pool/pool.ts'] as const;
    const has = (name: string, mark: string): boolean => loadedWith(dist, name).includes(mark);
    assert.deepEqual(
      [has('serving', schema), has('serve-command', commandLine), has('service', pools)],
      [true, true, true],
    );
    for (const name of ['serve-as-root', 'run-as-root', 'launched-service', 'launched-serving', 'running', 'service'])
      assert.ok(!has(name, schema), `${name} loads the schema`);
    for (const name of ['launched-service', 'launched-serving', 'running', 'service'])
      assert.ok(!has(name, commandLine), `${name} loads the command line`);
    for (const name of ['serve-as-root', 'run-as-root', 'launched-service'])
      assert.ok(!has(name, pools), `${name} loads pools`);
  });
});

/** A copy of the project's checkout, built. */
async function builtCheckout(t: TestContext): Promise<string> {
  const root = temporaryFolder(t);
  for (const name of ['bin', 'src', 'build.ts', 'package.json', 'package-lock.json'])
    cpSync(join(project, name), join(root, name), { recursive: true });
  symlinkSync(join(project, 'node_modules'), join(root, 'node_modules'));
  assert.equal(await startNode(t, [join(root, 'build.ts')]).ended, 0);
  return root;
}

/** The code of a file, and of all that it imports at once. */
function loadedWith(dist: string, name: string): string {
  const first = readdirSync(dist, { recursive: true, encoding: 'utf8' }).find((file) =>
    new RegExp(`/${name}(?:-[\\w-]{8})?\\.js$`).test(file),
  );
  const code = new Map<string, string>();
  const load = (file: string): void => {
    if (code.has(file)) return;
    code.set(file, readFileSync(file, 'utf8'));
    for (const [, path] of code.get(file)!.matchAll(/^(?:import|export)\b.*?"(\.[^"]+)";$/gm))
      load(join(file, '..', path!));
  };
  assert.ok(first !== undefined, `there is no ${name}`);
  load(join(dist, first));
  return [...code.values()].join('\n');
}

/** Whose modules the command loads. */
async function filesOf(t: TestContext, root: string): Promise<{ readonly dist: boolean; readonly src: boolean }> {
  const hook = join(root, 'hook.mjs');
  writeFileSync(
    hook,
    `import { registerHooks } from 'node:module';
     registerHooks({ load: (url, context, next) => { process.stderr.write(url + '\\n'); return next(url, context); } });`,
  );
  const program = startNode(t, ['--import', hook, join(root, 'bin/postern.js'), '--version']);
  assert.equal(await program.ended, 0);
  const loaded = program.stderr().toString();
  return { dist: loaded.includes(`${root}/dist/`), src: loaded.includes(`${root}/src/`) };
}
