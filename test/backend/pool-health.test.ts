// What monitoring sees of every kind of pool that a configuration knows: /metrics, and /readyz while one cannot serve.

import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { defineConfig } from '../../src/config/define-config.ts';
import { createService } from '../../src/service/service.ts';
import { serveFaultily } from '../fixtures/faulty-fastcgi.ts';
import { temporaryFolder } from '../support/folder.ts';
import { scriptedApplication } from '../support/scripted-application.ts';
import { until } from '../support/until.ts';

it('/metrics counts for pools of every kind; /readyz is 503 with the name of one whose servers are all dead', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'a.cgi'), '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\ncgi"\n');
  chmodSync(join(folder, 'a.cgi'), 0o755);
  const sockets = ['one.sock', 'two.sock'].map((name) => join(folder, name));
  const serve = (path: string) => scriptedApplication((socket) => serveFaultily(socket, folder, () => {}), path);
  const servers = await Promise.all(sockets.map(serve));
  const route = [
    { match: '*.cgi', pool: 'scripts' },
    { match: '/app/*', pool: 'own' },
    { match: '/*', pool: 'far' },
  ];
  const config = defineConfig(
    {
      admin: { listen: '127.0.0.1:0' },
      site: { main: { listen: '127.0.0.1:0', root: '.', route } },
      pool: {
        scripts: { cgi: true },
        own: { app: new URL('../../examples/apps/hello.ts', import.meta.url).pathname, workers: 1 },
        far: { connect: sockets.map((path) => `unix:${path}`) },
      },
    },
    folder,
  );
  const service = createService(config, { runtimeBase: join(folder, 'run'), asRoot: 'allow' });
  t.after(() => service.destroy());
  await service.start();
  const { admin, listeners } = service.status();
  const get = async (base: string, path: string): Promise<{ status: number; text: string }> => {
    const answer = await fetch(new URL(path, base));
    return { status: answer.status, text: await answer.text() };
  };
  const site = listeners[0]!.url!;

  assert.equal((await get(site, '/a.cgi')).text, 'cgi');
  assert.match((await get(site, '/app/you')).text, /^Hello/);
  assert.equal((await get(site, '/fine')).text, 'fine');
  assert.deepEqual(await get(admin!, '/readyz'), { status: 200, text: 'ok\n' });
  const { text } = await get(admin!, '/metrics');
  for (const pool of ['scripts', 'own', 'far'])
    for (const line of ['ready', 'accepted_total', 'finished_total'])
      assert.ok(text.split('\n').includes(`postern_pool_${line}{pool="${pool}"} 1`), `${pool} ${line}:\n${text}`);

  await servers[0]!.close();
  assert.equal((await get(site, '/fine')).text, 'fine', 'the other one serves');
  assert.equal((await get(admin!, '/readyz')).status, 200);

  await servers[1]!.close();
  assert.equal((await get(site, '/fine')).status, 502, 'which tells that both are dead');
  assert.equal((await get(admin!, '/readyz')).status, 503);
  assert.match((await get(admin!, '/readyz')).text, /^pool far: none of its servers takes a connection: /);
  assert.match((await get(admin!, '/metrics')).text, /^postern_pool_ready\{pool="far"\} 0$/m);
  assert.equal((await get(site, '/a.cgi')).text, 'cgi', 'the other pools go on');

  const again = await serve(sockets[1]!);
  t.after(() => again.close());
  await until(async () => (await get(admin!, '/readyz')).status === 200);
});
