// Holds the built files of the dashboard, which a clone brings along, against the sources that they were made of.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import test from 'node:test';

const root = new URL('../../', import.meta.url);
const sources = JSON.parse(readFileSync(new URL('assets/dashboard/sources.json', root), 'utf8')) as Record<
  string,
  string
>;

test('the built files of the dashboard were made of the sources that are there: else run npm run dashboard', () => {
  const hash = (path: string): string | null => {
    const file = new URL(path, root);
    return existsSync(file) ? createHash('sha256').update(readFileSync(file)).digest('hex') : null;
  };
  const changed = Object.keys(sources).filter((path) => hash(path) !== sources[path]);
  assert.deepEqual(changed, []);
  assert.ok('packages/dashboard/src/main.tsx' in sources);
});
