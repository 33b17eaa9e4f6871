import assert from 'node:assert/strict';
import { mkdirSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { controlPath } from '../../src/control/control.ts';
import { chooseInstance, findInstances, type Instance } from '../../src/control/instances.ts';
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

describe('chooseInstance()', () => {
  const instances: Instance[] = [
    { socket: '/run/1', status: serviceStatus({ pid: 7, config: '/etc/postern.toml' }) },
    { socket: '/run/2', status: serviceStatus({ pid: 12345, config: null }) },
  ];

  it('lists the services where several run, one below the other', () => {
    assert.throws(() => chooseInstance(instances, {}), {
      code: 'NOT_RUNNING',
      message: `2 services run here: choose one with --pid or -c:
    pid  configuration or folder  address
      7  /etc/postern.toml        http://127.0.0.1:8000/
  12345  /srv/www                 http://127.0.0.1:8000/`,
    });
    assert.equal(chooseInstance(instances, { pid: 7 }).socket, '/run/1');
  });

  it('says so when there is no such configuration at all', () => {
    const message = 'no service with the configuration none.toml runs under this user: there is no file none.toml';
    assert.throws(() => chooseInstance([], { config: 'none.toml' }), { code: 'NOT_RUNNING', message });
  });
});
