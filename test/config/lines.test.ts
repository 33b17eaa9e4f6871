// What is told of a file where the parser that finds lines cannot be loaded any more.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';

/** Cannot be loaded: its file was replaced, or there are no descriptors left. */
const without = `import { registerHooks } from 'node:module';
registerHooks({
  resolve(specifier, context, next) {
    if (specifier === 'toml-eslint-parser') throw new Error('EMFILE: too many open files');
    return next(specifier, context);
  },
});`;

function told(text: string): string {
  const source = new URL('../../src/config/config-file.ts', import.meta.url).href;
  const script = `import { parseConfig } from ${JSON.stringify(source)};
try { parseConfig(${JSON.stringify(text)}, 'p.toml'); } catch (error) { console.log(error.code, error.message); }`;
  const hook = `data:text/javascript,${encodeURIComponent(without)}`;
  return execFileSync(process.execPath, ['--import', hook, '--input-type=module', '-e', script], { encoding: 'utf8' });
}

describe('a fault, where lines cannot be found', () => {
  it('of a key is told without its line', () => {
    const text = '[site.main]\nlisten = "unix:a.sock"\nwoot = 1\n';
    assert.match(told(text), /^CONFIG_INVALID p\.toml: unknown key "woot" in \[site\.main\]/);
  });

  it('of what is no TOML is told in the words of the parser that reads', () => {
    assert.match(told('a = = 1'), /^CONFIG_INVALID p\.toml:1: this is not TOML: .+ \(column \d+\)/);
  });
});
