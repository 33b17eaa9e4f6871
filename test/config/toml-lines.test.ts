import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lineOf } from '../../src/config/problem.ts';
import { tomlLines } from '../../src/config/toml-lines.ts';

const document = `# a comment with [brackets] and = signs
top = 1
[a]
x = "a # not a comment" # one
"quoted key" = 'it is # no comment'
long = """
two
lines"""
after = [1,
  2, # with a comment ]
  3]
inline = { p = 1, q = { r = [
  1 ] } }
[b.c]
d.e.f = 2026-01-01
[[list]]
n = 1
[[list]]
n = 2
[list.sub]
m = 3
`;

describe('tomlLines()', () => {
  const cases: readonly [path: PropertyKey[], line: number][] = [
    [['top'], 2],
    [['a'], 3],
    [['a', 'x'], 4],
    [['a', 'quoted key'], 5],
    [['a', 'long'], 6],
    [['a', 'after'], 9],
    [['a', 'after', 0], 9],
    [['a', 'after', 1], 10],
    [['a', 'after', 2], 11],
    [['a', 'inline', 'q', 'r'], 12],
    [['a', 'inline', 'q', 'r', 0], 13],
    [['b'], 14],
    [['b', 'c', 'd', 'e', 'f'], 15],
    [['list', 0], 16],
    [['list', 0, 'n'], 17],
    [['list', 1], 18],
    [['list', 1, 'n'], 19],
    [['list', 1, 'sub'], 20],
    [['list', 1, 'sub', 'm'], 21],
  ];
  for (const [path, line] of cases) {
    it(`finds ${path.join('.')} in line ${line}`, () => {
      assert.equal(lineOf(tomlLines(document), path), line);
    });
  }

  it('gives the line of the section for a key that is not there', () => {
    assert.equal(lineOf(tomlLines(document), ['a', 'missing', 'deeper']), 3);
    assert.equal(lineOf(tomlLines(document), ['nowhere']), null);
  });

  it('comes to an end on text that is not TOML', () => {
    for (const text of [
      '[',
      '[[',
      '= = =',
      'a = [',
      'a = {',
      'a = "',
      ']',
      'a = ]',
      'a = { ] }',
      '"""',
      'a.b.',
      '\\',
    ]) {
      assert.doesNotThrow(() => tomlLines(text), text);
    }
  });
});
