// Ends of plain CGI programs, as the status and the dashboard tell them: in one thread and in several.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { ServiceStatus } from '../../../src/admin/source.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { PhpService, phpMissing } from '../../support/php-service.ts';
import { until } from '../../support/until.ts';

const more = (threads: number): string =>
  `[service]\nthreads = ${threads}\n[[site.main.route]]\nmatch = "/cgi-bin/*"\npool = "cgi"\n[pool.cgi]\ncgi = true\nallowRoot = true\nrequestTimeout = "1s"\n`;

describe('ends of CGI programs', { skip: phpMissing }, () => {
  for (const threads of [1, 3]) {
    it(`are told with their cause and request, ${threads === 1 ? 'in one thread' : 'in front threads'}`, async (t) => {
      const folder = temporaryFolder(t);
      const bin = join(folder, 'public/cgi-bin');
      mkdirSync(bin, { recursive: true });
      const answer = 'echo "Content-Type: text/plain"; echo; echo ok';
      for (const [name, body] of [
        ['good', answer],
        ['crash', 'kill -SEGV $$'],
        ['hang', 'sleep 600'],
      ])
        writeFileSync(join(bin, name!), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
      const service = await PhpService.start(t, { folder, files: {}, more: more(threads) });
      const statuses = await Promise.all(
        ['good', 'crash?token=secret', 'hang', 'crash'].map(async (name) => {
          return (await service.get(`cgi-bin/${name}`)).status;
        }),
      );
      assert.deepEqual(statuses, [200, 502, 504, 502]);
      const pool = async () => {
        const response = await fetch(`${service.admin}status?format=json`);
        return ((await response.json()) as ServiceStatus).pools.find(({ name }) => name === 'cgi')!;
      };
      await until(async () => (await pool()).lastEnds.length === 3, 'three ends are told');
      const { lastEnds, ended, spawned } = await pool();
      const told = lastEnds.map(({ url, reason, ending }) => `${url} ${reason} ${ending}`);
      assert.deepEqual(told.toSorted(), [
        '/cgi-bin/crash crash SIGSEGV',
        '/cgi-bin/crash?token=*** crash SIGSEGV',
        '/cgi-bin/hang timeout SIGTERM',
      ]);
      assert.equal(new Set(lastEnds.map(({ number }) => number)).size, 3);
      assert.deepEqual([spawned, ended.crash, ended.timeout], [4, 2, 1]);
      const page = await (await fetch(service.admin, { headers: { accept: 'text/html' } })).text();
      assert.match(page, /Last ends of processes[\s\S]*timeout \(SIGTERM\)<\/td><td>GET \/cgi-bin\/hang<\/td>/);
    });
  }
});
