// Holds docs/errors.md against the table of errors.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { errorTable } from '../../src/errors.ts';

it('docs/errors.md has each code with its status and whether to try again, and no other', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  assert.deepEqual(
    rows.map((row) => row.split(' | ').slice(0, 3).join(' | ')),
    Object.entries(errorTable).map(
      ([code, { status, retryable }]) => `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'}`,
    ),
  );
});
