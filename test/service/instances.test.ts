import assert from 'node:assert/strict';
import { mkdirSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { controlPath } from '../../src/service/control.ts';
import { findInstances } from '../../src/service/instances.ts';
import { temporaryFolder } from '../support/folder.ts';
import { serviceStatus } from '../support/service-status.ts';

describe('findInstances()', () => {
  it('asks the services of this user, and none that another user put in the way', async (t) => {
    const base = temporaryFolder(t);
    const folder = join(base, 'manager-1');
    mkdirSync(folder);
    const server = createServer((_request, response) => response.end(JSON.stringify(serviceStatus())));
    t.after(() => server.close());
    await new Promise<void>((resolve) => server.listen(controlPath(folder), resolve));
    assert.equal((await findInstances([base])).length, 1);
    const another = statSync(base).uid + 1;
    assert.deepEqual(await findInstances([base], another), []);
  });
});
