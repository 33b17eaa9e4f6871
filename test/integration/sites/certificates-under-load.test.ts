// Keys replaced and sites added while clients ask all the time: nobody notices.

import assert from 'node:assert/strict';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { Agent, get } from 'node:https';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { defineConfig } from '../../../src/config/define-config.ts';
import { createService } from '../../../src/service/service.ts';
import type { Certificate } from '../../../src/tls/certificate.ts';
import { testAuthority, testCertificate } from '../../support/certificates.ts';
import { temporaryFolder } from '../../support/folder.ts';
import { freePort } from '../../support/server-process.ts';
import { askByTls } from '../../support/tls-client.ts';
import { until } from '../../support/until.ts';

for (const threads of [1, 3]) {
  describe(`a service with ${threads} front thread(s), under load`, () => {
    it('takes new keys and new sites without a failed request or a lost connection', async (t) => {
      const folder = temporaryFolder(t);
      mkdirSync(join(folder, 'root'));
      writeFileSync(join(folder, 'root', 'index.html'), 'the page');
      const port = await freePort();
      const put = ({ chain, key }: Certificate): void => {
        // One after the other, as every tool does.
        for (const [file, bytes] of [
          ['a.pem', chain],
          ['a.key', key],
        ] as const) {
          writeFileSync(join(folder, `${file}.new`), bytes);
          renameSync(join(folder, `${file}.new`), join(folder, file));
        }
      };
      put(await testCertificate(['a.test', '*.a.test']));
      const tls = { certificate: 'a.pem', key: 'a.key' };
      const config = (sites: number) =>
        defineConfig(
          {
            site: Object.fromEntries(
              Array.from({ length: sites }, (_, index) => [
                `s${index}`,
                {
                  host: index === 0 ? 'a.test' : `s${index}.a.test`,
                  listen: `https://127.0.0.1:${port}`,
                  tls,
                  root: 'root',
                },
              ]),
            ),
          },
          folder,
        );
      const service = createService(config(1), { runtimeBase: join(folder, 'run'), threads });
      t.after(() => service.destroy());
      await service.start();

      const { certificate: ca } = await testAuthority();
      const seen = new Set<string>();
      let isOver = false;
      let kept = 0;
      let streams = 0;
      const anew = async (): Promise<void> => {
        while (!isOver) {
          const { status, text, fingerprint } = await askByTls(port, { name: 'a.test' });
          assert.deepEqual([status, text], [200, 'the page']);
          seen.add(fingerprint);
        }
      };
      const keeping = async (): Promise<void> => {
        const agent = new Agent({ keepAlive: true, maxSockets: 1, ca });
        t.after(() => agent.destroy());
        const ports = new Set<number>();
        while (!isOver) {
          ports.add(await askKept(agent, port));
          kept += 1;
        }
        assert.equal(ports.size, 1, 'the connection is the one of before');
      };
      const byHttp2 = async (): Promise<void> => {
        const session = connect(`https://a.test:${port}`, { ca, host: '127.0.0.1', servername: 'a.test' } as object);
        t.after(() => session.destroy());
        while (!isOver) {
          assert.equal(await askStream(session), 'the page');
          streams += 1;
        }
      };
      const load = Promise.all([anew(), anew(), keeping(), byHttp2()]);
      load.catch(() => (isOver = true));
      const served = (fingerprint: string) => until(() => isOver || seen.has(fingerprint), 'the new key is in use');
      for (const count of [2, 40, 3]) {
        const next = await testCertificate(['a.test', '*.a.test']);
        put(next);
        const reloaded = await service.reload([], config(count));
        assert.equal(reloaded.ok, true, reloaded.message);
        assert.equal((await askByTls(port, { name: `s${count - 1}.a.test` })).text, 'the page');
        await served(next.facts.fingerprint);
      }
      const last = await testCertificate(['a.test', '*.a.test']);
      put(last);
      await served(last.facts.fingerprint);
      isOver = true;
      await load;
      assert.equal(seen.size, 5);
      assert.ok(kept > 10 && streams > 10, `${kept} ${streams}`);
    });
  });
}

function askKept(agent: Agent, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, agent, servername: 'a.test', headers: { Host: 'a.test' } };
    get(options, (answer) => {
      const { localPort = 0 } = answer.socket;
      assert.equal(answer.statusCode, 200);
      answer.resume().on('end', () => resolve(localPort));
    }).on('error', reject);
  });
}

function askStream(session: ReturnType<typeof connect>): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':path': '/' });
    let text = '';
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => (text += chunk));
    stream.on('end', () => resolve(text));
    stream.on('error', reject);
    stream.end();
  });
}
