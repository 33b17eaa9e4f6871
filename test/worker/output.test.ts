// What programs print, as lines for the log.

import assert from 'node:assert/strict';
import test from 'node:test';
import { escapeControl, OutputLines } from '../../src/worker/output.ts';
import { FakeClock } from '../support/fake-clock.ts';
import fc from '../support/seeded-fast-check.ts';

function collect(): { readonly lines: string[]; readonly output: OutputLines; readonly clock: FakeClock } {
  const lines: string[] = [];
  const clock = new FakeClock();
  return { lines, clock, output: new OutputLines((line) => lines.push(line), clock) };
}

test('one line is one record, however the bytes are cut', () => {
  const text = 'first\nsecond \xc3\xa9\r\n\n\nlast without an end';
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (sizes) => {
      const { lines, output } = collect();
      const bytes = Buffer.from(text, 'latin1');
      for (let from = 0, index = 0; from < bytes.length; index += 1) {
        const size = sizes[index % sizes.length]!;
        output.write(bytes.subarray(from, from + size));
        from += size;
      }
      output.end();
      assert.deepEqual(lines, ['first', 'second é', 'last without an end']);
      assert.equal(output.last, 'last without an end');
    }),
  );
});

test('the last line is the one that says something, not the end of its stack', () => {
  const { lines, output } = collect();
  output.write(Buffer.from('starting\nError: late\n    at tick (app.ts:1:1)\n\nNode.js v26.10.0\n'));
  assert.equal(lines.length, 4);
  assert.equal(output.last, 'Error: late');
});

for (const [language, text, told] of [
  [
    'Node, an error with a code',
    "Error: no database\n    at a.ts:1:1 {\n  code: 'X'\n}\n\nNode.js v26.10.0\n",
    'Error: no database',
  ],
  [
    'Node, a syntax error',
    'file:///a.ts:1\nenum A {}\n^^^^^^^^^\n\nSyntaxError: no enum\n    at b\n',
    'SyntaxError: no enum',
  ],
  [
    'PHP',
    'PHP Fatal error:  Uncaught Exception: x in /a.php:3\nStack trace:\n#0 {main}\n  thrown in /a.php\n',
    'PHP Fatal error:  Uncaught Exception: x in /a.php:3',
  ],
  [
    'Go',
    'panic: no database\n\ngoroutine 1 [running]:\nmain.main()\n\t/srv/a.go:9 +0x1d\nexit status 2\n',
    'panic: no database',
  ],
  ['Python', 'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: x\n', 'ValueError: x'],
] as const) {
  test(`a program that fails at its start is told by its error, not by the end of its stack: ${language}`, () => {
    const { output } = collect();
    output.write(Buffer.from(text));
    assert.equal(output.last, told);
  });
}

test('a line is cut at 4,096 bytes, and what is missing is told', () => {
  const { lines, output } = collect();
  for (let count = 0; count < 100; count += 1) output.write(Buffer.alloc(1_000, 'x'));
  output.write(Buffer.from('\n'));
  assert.equal(lines[0], `${'x'.repeat(4_096)} (95904 more bytes)`);
});

test('lines above 50 a second are dropped, and their number is told', () => {
  const { lines, output, clock } = collect();
  for (let count = 0; count < 1_000; count += 1) output.write(Buffer.from(`line ${count}\n`));
  assert.equal(lines.length, 50);
  clock.advance(1_000);
  output.write(Buffer.from('after\n'));
  assert.deepEqual(lines.slice(50), ['950 more lines were dropped (limit 50 a second)', 'after']);
});

test('control bytes are escaped, so that a program cannot write records or speak to a terminal', () => {
  assert.equal(escapeControl('a\x1b[2Jb\x00\x7f\x9b31m\tc'), 'a\\x1b[2Jb\\x00\\x7f\\x9b31m\tc');
});
