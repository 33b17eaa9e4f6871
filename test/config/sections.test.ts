import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { examined } from '../../src/config/config.ts';
import { examine } from '../../src/config/define-config.ts';
import fc from '../support/seeded-fast-check.ts';

const origin = { shown: 'p.toml', file: '/p.toml', folder: '/', text: null };

const keys = fc.constantFrom(
  ...['php', 'command', 'connect', 'cgi', 'app', 'workers', 'minWorkers', 'env', 'ini', 'reuse', 'lanes', 'user'],
  ...['match', 'pool', 'files', 'deny', 'root', 'fallback', 'listen', 'route', 'sendfile', 'maxBody', 'index'],
  ...['address', 'weight', 'owner', 'mode', 'trustedProxies', 'allowedClients', '__proto__', 'constructor', 'a b', ''],
);
const leaf = fc.oneof(
  fc.constantFrom(true, false, null, 0, -1, 1.5, '', 'a', '5s', '64KB', '*.php', '/a/*', ':80', 'unix:a', new Date(0)),
  fc.string({ maxLength: 8 }),
  fc.integer(),
);
const value = fc.letrec((tie) => ({
  any: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('any'), { maxLength: 3 }), tie('table')),
  table: fc.dictionary(keys, tie('any'), { maxKeys: 5 }),
}));
const sections = fc.dictionary(fc.constantFrom('main', 'a', 'x y', '__proto__'), value.any, { maxKeys: 3 });
const file = fc.record(
  {
    service: value.any,
    admin: value.any,
    log: value.any,
    site: fc.oneof(sections, value.any),
    pool: fc.oneof(sections, value.any),
  },
  { requiredKeys: [] },
);

describe('readSections()', () => {
  it('tells of any tables what is wrong in words, and never fails itself', () => {
    fc.assert(
      fc.property(fc.oneof(file, value.any), (input) => {
        const config = examined(examine(input, origin));
        for (const { path, message } of config.problems) {
          assert.ok(message.length > 10 && !/undefined|\[object|Invalid input/.test(message), message);
          assert.ok(Array.isArray(path));
        }
        if (config.problems.length > 0) assert.match(config.refusal(...config.problems).message, /^p\.toml: /);
      }),
      { numRuns: 1_000 },
    );
  });
});
