import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Users } from '../../src/worker/user.ts';
import { temporaryFolder } from '../support/folder.ts';

describe('Users', () => {
  it('reads the group of a user from a file once, and asks the system for others', (t) => {
    const path = join(temporaryFolder(t), 'passwd');
    writeFileSync(path, 'anne:x:1001:2001::/home/anne:/bin/sh\n+nis::::::\nanne:x:1:1:::\nbroken\n');
    const users = new Users(path);
    assert.deepEqual(users.accountOf('anne'), { name: 'anne', id: '1001', group: '2001', home: '/home/anne' });
    assert.equal(users.groupOf('anne'), '2001');
    writeFileSync(path, 'anne:x:1001:3001::/home/anne:/bin/sh\n');
    assert.equal(users.groupOf('anne'), '2001');
    assert.equal(users.groupOf('root'), '0', 'not in that file');
    assert.equal(users.groupOf('no-such-user-here'), null);
    assert.equal(users.groupOf('+nis'), null);
  });

  it('knows groups by name and number', () => {
    const users = new Users();
    assert.equal(users.groupNamed('root'), '0');
    assert.equal(users.groupNamed('0'), '0');
    assert.equal(users.groupNamed('no-such-group-here'), null);
  });
});
