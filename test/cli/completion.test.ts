import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { findProgram, temporaryFolder } from '../support/folder.ts';
import { postern } from '../support/postern-process.ts';

/** What is typed up to the cursor, and what a shell must offer there. */
const offers: readonly [line: string, among: readonly string[], not: readonly string[]][] = [
  ['postern s', ['serve', 'status', 'stop', 'schema'], ['run']],
  ['postern reload --a', ['--all'], ['--pool']],
  ['postern request --role a', ['authorizer'], ['responder', 'a folder/', 'a-file']],
  ['postern serve --php w', ['wasm', 'website.toml'], ['auto']],
  ['postern run --config w', ['website.toml'], ['wasm']],
  ['postern completion z', ['zsh'], ['bash', 'zone']],
  ['postern completion f', ['fish'], ['bash']],
];

/** A folder with the script of a shell, and files with names that look like words. */
async function folderWith(t: TestContext, shell: string): Promise<string> {
  const folder = temporaryFolder(t);
  const { status, out } = await postern(t, folder, ['completion', shell]);
  assert.equal(status, 0);
  writeFileSync(join(folder, 'postern.script'), out);
  for (const name of ['website.toml', 'a-file', 'zone']) writeFileSync(join(folder, name), '');
  mkdirSync(join(folder, 'a folder'));
  return folder;
}

describe('postern completion', () => {
  it('gives bash the commands, options, words and files that fit', async (t) => {
    const folder = await folderWith(t, 'bash');
    for (const [line, among, not] of offers) compare(line, bashOffers(folder, line), among, not);
    // bash makes three words of it, which its completion gets.
    compare('--config=', bashOffers(folder, 'postern run --config = w'), ['website.toml'], ['wasm']);
    compare('a space', bashOffers(folder, 'postern serve a'), ['a folder', 'a-file'], ['a']);
  });

  it('gives fish the same', async (t) => {
    if (findProgram('fish') === null) return t.skip('fish is not installed');
    const folder = await folderWith(t, 'fish');
    for (const [line, among, not] of offers) {
      const { stdout, stderr } = spawnSync('fish', ['-N', '-c', `source postern.script; complete -C '${line}'`], {
        cwd: folder,
        encoding: 'utf8',
        env: { PATH: process.env.PATH, HOME: folder },
      });
      assert.equal(stderr, '');
      const offered = stdout.split('\n').map((one) => one.split('\t')[0]!);
      compare(line, offered, among, not);
      for (const described of stdout.split('\n')) assert.doesNotMatch(described, /^fish\t.*bash/);
    }
  });

  it('completes what is typed in zsh', { timeout: 180_000 }, async (t) => {
    if (findProgram('zsh') === null || findProgram('script') === null) return t.skip('zsh or script is not installed');
    const folder = await folderWith(t, 'zsh');
    const zsh = openZsh(t, folder);
    await zsh.wrote('READY-2');
    for (const [typed, completed] of [
      ['postern expl\t', 'postern explain '],
      ['postern reload --a\t', 'postern reload --all '],
      ['postern request --role au\t', 'postern request --role authorizer '],
      ['postern run --config web\t', 'postern run --config website.toml '],
      ['postern serve --php wa\t', 'postern serve --php wasm '],
      ['postern completion z\t', 'postern completion zsh '],
    ] as const) {
      // The line that came out is run by a function of that name, which writes its words.
      zsh.type(`${typed}\n`);
      await zsh.wrote(`GOT<${completed.trimEnd().replace(/^postern /, '')}>`);
    }
  });

  it('refuses a shell that it does not know', async (t) => {
    const { status, err } = await postern(t, temporaryFolder(t), ['completion', 'tcsh']);
    assert.equal(status, 2);
    assert.match(err, /^postern: .*bash, zsh, fish/);
  });
});

function compare(line: string, offered: readonly string[], among: readonly string[], not: readonly string[]): void {
  for (const word of among) assert.ok(offered.includes(word), `${line}: no ${word} among ${offered.join(' ')}`);
  for (const word of not) assert.ok(!offered.includes(word), `${line}: ${word} among ${offered.join(' ')}`);
}

/** Calls what the script registered, as bash does; bash alone has `compopt` while it completes. */
function bashOffers(folder: string, line: string): string[] {
  const program = `source postern.script
compopt() { :; }
COMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
$(complete -p postern | sed 's/.*-F \\([^ ]*\\).*/\\1/')
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['--norc', '-c', program], { cwd: folder, encoding: 'utf8' });
  assert.deepEqual([status, stderr], [0, '']);
  return stdout.split('\n');
}

/** zsh on a terminal: only there does it complete. */
function openZsh(t: TestContext, folder: string): { type(text: string): void; wrote(text: string): Promise<void> } {
  const child = spawn('script', ['-qfc', 'zsh -f -i', '/dev/null'], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, TERM: 'dumb' },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  t.after(() => child.kill('SIGKILL'));
  child.stdin.on('error', () => {});
  child.stdin.write('stty -echo; PS1=; autoload -U compinit && compinit -u -D && source ./postern.script\n');
  child.stdin.write('postern() { print -r -- "GOT<$*>"; }; unsetopt zle_bracketed_paste 2>/dev/null\n');
  child.stdin.write('print READY-$((1 + 1))\n');
  return {
    type: (text) => void child.stdin.write(text),
    async wrote(text) {
      const until = Date.now() + 60_000;
      while (!out.includes(text)) {
        assert.ok(Date.now() < until && child.exitCode === null, `zsh never wrote ${text}:\n${out}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}
