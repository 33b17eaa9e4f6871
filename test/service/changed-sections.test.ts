// What a reload says of the sections that are neither pools nor addresses.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ConfigInput } from '../../src/config/config-schema.ts';
import { defineConfig } from '../../src/config/define-config.ts';
import { changedSections } from '../../src/service/changed-sections.ts';

it('a reload tells each section that has changed, and of what is read at the start only that a restart is needed', () => {
  const base: ConfigInput = { site: { main: { listen: '127.0.0.1:8000' } }, acme: { email: 'a@example.org' } };
  const words = (more: ConfigInput): readonly string[] =>
    changedSections(defineConfig(base, '/').values, defineConfig({ ...base, ...more }, '/').values);
  assert.deepEqual(words({}), []);
  const bound = { email: 'a@example.org', externalAccount: { id: 'kid', key: 'a2V5a2V5a2V5a2V5' } };
  assert.deepEqual(words({ acme: bound }), ['[acme] replaced']);
  assert.deepEqual(words({ site: { main: { listen: '127.0.0.1:8000', index: ['a.html'] } } }), ['sites replaced']);
  assert.deepEqual(words({ admin: { listen: '127.0.0.1:2021' } }), ['[admin] replaced']);
  assert.deepEqual(words({ service: { maxConnections: 10 } }), ['[service] replaced']);
  assert.deepEqual(words({ service: { threads: 2, user: 'nobody' }, log: { level: 'debug' } }), [
    'threads has changed, which is read at the start only: restart for it',
    'user has changed, which is read at the start only: restart for it',
    '[log] has changed, which is read at the start only: restart for it',
  ]);
});
