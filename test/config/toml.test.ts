import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig, parseToml, TomlError } from '../../src/config/config-file.ts';
import { lineOf } from '../../src/config/problem.ts';
import { linesIn } from '../../src/config/toml-positions.ts';

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

describe('parseToml()', () => {
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
      assert.equal(lineOf(linesIn(document), path), line);
    });
  }

  it('gives the line of the section for a key that is not there', () => {
    assert.equal(lineOf(linesIn(document), ['a', 'missing', 'deeper']), 3);
    assert.equal(lineOf(linesIn(document), ['nowhere']), null);
  });

  it('reads all that TOML has, whatever the way in which it is written', () => {
    assert.deepEqual(JSON.parse(JSON.stringify(parseToml(document))), {
      top: 1,
      a: {
        x: 'a # not a comment',
        'quoted key': 'it is # no comment',
        long: 'two\nlines',
        after: [1, 2, 3],
        inline: { p: 1, q: { r: [1] } },
      },
      b: { c: { d: { e: { f: '2026-01-01' } } } },
      list: [{ n: 1 }, { n: 2, sub: { m: 3 } }],
    });
    assert.deepEqual({ ...(parseToml('a = 1\r\nb = "\\u00e9"\r\n') as object) }, { a: 1, b: 'é' });
    const config = parseConfig('\uFEFF[site.main]\r\nlisten = "127.0.0.1:0"\r\n', '/p.toml');
    assert.deepEqual(Object.keys(config.values.site), ['main']);
  });

  it('makes "__proto__" a key like any other', () => {
    for (const text of ['[a.__proto__]\nspoiled = 1', '__proto__.spoiled = 1', 'a = { __proto__ = { spoiled = 1 } }']) {
      const value = parseToml(text);
      assert.equal(JSON.stringify(value).includes('"__proto__":{"spoiled":1}'), true, text);
      assert.equal(({} as { spoiled?: number }).spoiled, undefined, text);
    }
  });

  it('names the line and what is wrong, too, where the parser that keeps positions would take it', () => {
    assert.throws(
      () => parseToml('a = 1\nb = 9007199254740993'),
      (error) =>
        error instanceof TomlError &&
        error.line === 2 &&
        /^integer value cannot .* \(column \d+\)$/.test(error.message),
    );
  });

  const faulty: readonly [text: string, line: number][] = [
    ['a = = 1', 1],
    ['a = 1\n\nb = "x\n"', 3],
    ['[a]\nx = 1\nx = 2', 3],
    ['[a]\n[a]', 2],
    ['a.b = 1\na = 2', 2],
    ['a = 1\n[', 2],
    ['a = [', 1],
    ['a = { x = 1', 1],
    ['a = 1\n"""', 2],
    ['\\', 1],
    ['a = "\\q"', 1],
  ];
  for (const [text, line] of faulty) {
    it(`names line ${line} of ${JSON.stringify(text)}, which is no TOML`, () => {
      assert.throws(
        () => parseToml(text),
        (error) => error instanceof TomlError && error.line === line,
      );
    });
  }

  const unclosed: readonly [text: string, line: number, words: RegExp][] = [
    ['[site.main]\nlisten = ["127.0.0.1:0"\nroot = "."', 2, /^the "\[" of this line is not closed: a "\]" or a comma/],
    ['[site.main\nroot = "."', 1, /^the "\]" at the end of this line is missing/],
    ['[[site.main.route]\nmatch = "/"', 1, /^the "\]\]" at the end of this line is missing/],
    ['env = { A = "]", B = "#"\n[x]', 1, /^the "\{" of this line is not closed: a "\}"/],
    ['a = [1, # ]\n  [2, 3],\n\n[b]\nc = 1', 1, /^the "\[" of this line/],
  ];
  for (const [text, line, words] of unclosed) {
    it(`names the bracket that is missing in ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseToml(text),
        (error) => error instanceof TomlError && error.line === line && words.test(error.message),
      );
    });
  }
});
