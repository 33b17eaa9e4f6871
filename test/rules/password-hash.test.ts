import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hashKind, isPassword, isSlow, parsePasswords } from '../../src/rules/password-hash.ts';

const bytes = (text: string): string => Buffer.from(text).toString('latin1');

// Made by htpasswd and by openssl passwd.
const hashes: [kind: string, password: string, hash: string][] = [
  ['bcrypt', 'secret', '$2y$05$enBgm.p/6UXO47.O.2BtyuD4z6kbn3JWs5oRFJr7kEzGLfsjGUgvq'],
  ['apr1', 'h\u00e9 llo', '$apr1$abcdefgh$SYb7hpa8YXr9U9ozYObEx.'],
  ['apr1', 'x', '$1$ab$e2KlfqG5YBMTjSz7XF.Eu1'],
  ['sha', 'password', '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g='],
];

describe('the hashes of htpasswd files', () => {
  for (const [kind, password, hash] of hashes) {
    it(`are read unchanged: ${hash.slice(0, 12)}`, () => {
      assert.equal(hashKind(hash), kind);
      assert.equal(isPassword(bytes(password), hash), true);
      assert.equal(isPassword(bytes(`${password}x`), hash), false);
      assert.equal(isPassword('', hash), false);
    });
  }

  it('that are of another kind open nothing', () => {
    for (const hash of ['secret', '{PLAIN}secret', '$6$salt$hash', 'rqXexS6ZhobKA', '']) {
      assert.equal(hashKind(hash), null, hash);
      assert.equal(isPassword(hash, hash), false, hash);
      assert.equal(isPassword('secret', hash), false, hash);
    }
  });

  it('say which take long', () => {
    assert.deepEqual(
      hashes.map(([, , hash]) => isSlow(hash)),
      [true, true, true, false],
    );
  });

  it('stand one a line; the first of a user counts', () => {
    const users = parsePasswords('# users\nann:{SHA}a\r\n\nbob:x:more\nann:second\nbroken\n :y\n');
    assert.deepEqual(
      [...users],
      [
        ['ann', '{SHA}a'],
        ['bob', 'x'],
      ],
    );
  });
});
