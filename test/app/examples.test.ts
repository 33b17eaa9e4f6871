// The examples of docs/applications.md do what the page says.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../support/folder.ts';
import { startNode } from '../support/node-program.ts';

const example = (name: string): string => new URL(`../../examples/apps/${name}.ts`, import.meta.url).pathname;

describe('examples/apps', () => {
  it('hello greets', async (t) => {
    const program = startNode(t, [example('hello'), '/world']);
    assert.equal(await program.ended, 0);
    assert.equal(program.stdout().toString(), 'Hello world, in mode cli\n');
  });

  it('guestbook keeps an entry, and tells how the request went', async (t) => {
    const program = startNode(t, [example('guestbook'), '/', '-d', 'name=Ann']);
    assert.equal(await program.ended, 0);
    assert.deepEqual(JSON.parse(program.stdout().toString()), { title: 'Guests', entries: ['Ann'] });
    assert.match(program.stderr(), /^answered in [\d.]+ ms\nGuests: 1 entries\n$/);
  });

  it('authorizer lets Ann in, and nobody else', async (t) => {
    const ask = (user: string) =>
      startNode(t, [
        example('authorizer'),
        ...['/', '-i', '--role', 'authorizer'],
        ...['-H', `Authorization: Basic ${Buffer.from(user).toString('base64')}`],
      ]);
    const ann = ask('ann:secret');
    const bob = ask('constructor:secret');
    assert.deepEqual([await ann.ended, await bob.ended], [0, 1]);
    assert.match(ann.stdout().toString(), /^HTTP\/1\.1 200 OK\r\nVariable-REMOTE_USER: ann\r\n/);
    assert.match(bob.stdout().toString(), /^HTTP\/1\.1 401 Unauthorized\r\n/);
  });

  it('filter counts lines', async (t) => {
    const file = join(temporaryFolder(t), 'lines');
    writeFileSync(file, 'a\nb\n');
    const program = startNode(t, [example('filter'), '/', '--role', 'filter', '--data-file', file]);
    assert.equal(await program.ended, 0);
    assert.equal(program.stdout().toString(), '2 lines in 4 bytes\n');
  });

  it('clock ticks until nobody reads any more', async (t) => {
    const program = startNode(t, [example('clock'), '/']);
    await new Promise<void>((resolve) => program.child.stdout!.once('data', () => resolve()));
    program.child.stdout!.destroy();
    assert.equal(await program.ended, 0);
  });
});
