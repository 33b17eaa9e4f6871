// A service in several front threads: files and CGI programs, reloads in all of them together, threads that are lost.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { syncBuiltinESMExports } from 'node:module';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import threads from 'node:worker_threads';
import { Faults } from '../../src/backend/faults.ts';
import type { ConfigInput } from '../../src/config/config-schema.ts';
import { defineConfig } from '../../src/config/define-config.ts';
import { createService, type Service } from '../../src/service/service.ts';
import { FrontThreads } from '../../src/threads/front-threads.ts';
import { newSecrets } from '../../src/tls/ticket-keys.ts';
import { isGone } from '../../src/worker/process-table.ts';
import { testCertificate, writeCertificate } from '../support/certificates.ts';
import { temporaryFolder } from '../support/folder.ts';
import { phpMissing } from '../support/php-service.ts';
import { RecordingLog } from '../support/recording-log.ts';
import { askByTls } from '../support/tls-client.ts';
import { until } from '../support/until.ts';

/** Every thread that was started, so that a test can end one. */
const started: threads.Worker[] = [];
const { Worker } = threads;
let onStarted = (): void => {};
threads.Worker = class extends Worker {
  constructor(...args: ConstructorParameters<typeof Worker>) {
    super(...args);
    started.push(this);
    onStarted();
  }
};
syncBuiltinESMExports();
after(() => {
  threads.Worker = Worker;
  syncBuiltinESMExports();
});

interface Running {
  readonly service: Service;
  readonly folder: string;
  readonly log: RecordingLog;
  url(): string;
  config(changes?: Partial<ConfigInput>): ReturnType<typeof defineConfig>;
}

async function running(
  t: TestContext,
  values: ConfigInput['service'] = { threads: 3 },
  more: Partial<ConfigInput> = {},
): Promise<Running> {
  started.length = 0;
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'a.txt'), 'one');
  writeFileSync(join(folder, 'x.cgi'), '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n$REQUEST_METHOD"\n');
  chmodSync(join(folder, 'x.cgi'), 0o755);
  const config = (changes: Partial<ConfigInput> = {}): ReturnType<typeof defineConfig> =>
    defineConfig(
      {
        service: values,
        site: { main: { listen: '127.0.0.1:0', root: '.', route: [{ match: '*.cgi', pool: 'cgi' }] } },
        pool: { cgi: { cgi: true, workers: 6, allowRoot: true } },
        ...changes,
      } as ConfigInput,
      folder,
    );
  const log = new RecordingLog();
  const service = createService(config(more), { log, asRoot: 'allow', runtimeBase: join(folder, 'run') });
  t.after(() => service.destroy());
  await service.start();
  return { service, folder, log, config, url: () => service.status().listeners[0]!.url! };
}

/** Runs something in a thread, which need not come to its end. */
async function evaluateIn(t: TestContext, thread: string, expression: string): Promise<void> {
  const session = new Session();
  session.connect();
  t.after(() => session.disconnect());
  const attached = Promise.withResolvers<string>();
  session.on('NodeWorker.attachedToWorker', ({ params }) => {
    if (params.workerInfo.title.includes(thread)) attached.resolve(params.sessionId);
  });
  await session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } });
  void session.post('NodeWorker.sendMessageToWorker', { message, sessionId: await attached.promise });
}

/** So many requests, each on a connection of its own: they come to all threads. */
async function ask(url: string, count: number): Promise<{ status: number; text: string }[]> {
  const answers: { status: number; text: string }[] = [];
  for (let at = 0; at < count; at += 1) {
    const response = await fetch(url, { headers: { connection: 'close' } });
    answers.push({ status: response.status, text: await response.text() });
  }
  return answers;
}

describe('a service in three front threads', () => {
  it('counts what a rule limits in all of them together', async (t) => {
    const rule = [{ match: '/x.cgi', limit: { rate: '1/h', burst: 4 } }];
    const site = { main: { listen: '127.0.0.1:0', root: '.', rule, route: [{ match: '*.cgi', pool: 'cgi' }] } };
    const { url } = await running(t, { threads: 3 }, { site } as Partial<ConfigInput>);
    const statuses = (await ask(`${url()}x.cgi`, 24)).map(({ status }) => status);
    assert.equal(statuses.filter((status) => status === 200).length, 5);
    assert.equal(statuses.filter((status) => status === 429).length, 19);
  });

  it('tells how late and how busy the loop of each was in the last minutes, the same to whoever asks and however often', async (t) => {
    const { service } = await running(t);
    const loads = () => service.measures().threads;
    for (const { utilization } of loads()) assert.ok(utilization >= 0 && utilization <= 1, 'at the first look, too');
    const lateMs = () => service.status().threads[1]!.loopDelayMs;
    await until(() => lateMs() < 500, 'it has begun');
    const hang = async (ms: number) => {
      const busy = `{ const end = Date.now() + ${ms}; while (Date.now() < end); }`;
      await evaluateIn(t, 'front 2', `setTimeout(() => ${busy}, 1500)`);
      await until(() => lateMs() >= 500, 'a second tells of it');
      await until(() => lateMs() < 500, 'the next one does not');
    };
    await hang(1_500);
    assert.ok(loads()[2]!.delayMaxS >= 1.2, 'nobody has asked since');
    assert.ok(loads()[2]!.delayMaxS >= 1.2, 'another one asks');
    await hang(700);
    assert.ok(loads()[2]!.delayMaxS >= 1.2, 'and one who comes later');
  });

  it('has an operator drain a pool without lanes in each of them, and end a request that runs in any', async (t) => {
    const token = 'correct-horse-battery';
    const { service, folder, url } = await running(t, { threads: 3 }, { admin: { listen: '127.0.0.1:0', token } });
    const act = async (query: string): Promise<number> => {
      const target = new URL(`actions/${query}`, service.status().admin!);
      return (await fetch(target, { method: 'POST', headers: { authorization: `Bearer ${token}` } })).status;
    };
    writeFileSync(join(folder, 'held.cgi'), '#!/bin/sh\nexec sleep 60\n');
    chmodSync(join(folder, 'held.cgi'), 0o755);
    const held = Array.from({ length: 6 }, () => fetch(`${url()}held.cgi`, { headers: { connection: 'close' } }));
    const numbers = () => service.status().pools[0]!.lanes.map(({ request }) => request);
    await until(() => numbers().filter((number) => number > 0).length === 6, 'all run');
    assert.equal(new Set(numbers()).size, 6, 'each has a number of its own');
    assert.equal(await act('drain?pool=cgi'), 200);
    await until(async () => (await ask(`${url()}x.cgi`, 6)).every(({ status }) => status === 503), 'none is taken');
    for (const number of numbers()) assert.equal(await act(`end?pool=cgi&request=${number}`), 200);
    assert.ok((await Promise.all(held)).every(({ status }) => status >= 500));
    await until(() => numbers().length === 0, 'none runs');
    assert.notEqual(await act('end?pool=cgi&request=1'), 200);
    assert.equal(await act('resume?pool=cgi'), 200);
    await until(
      async () => (await ask(`${url()}x.cgi`, 6)).every(({ status }) => status === 200),
      'they are taken again',
    );
  });

  it('serves files and programs in each of them, and counts all', async (t) => {
    const { service, url } = await running(t);
    assert.deepEqual(
      service.status().threads.map(({ thread, state }) => [thread, state]),
      [1, 2, 3].map((thread) => [thread, 'serving']),
    );
    const files = await ask(`${url()}a.txt`, 20);
    assert.ok(files.every(({ status, text }) => status === 200 && text === 'one'));
    const programs = await ask(`${url()}x.cgi`, 12);
    assert.ok(programs.every(({ status, text }) => status === 200 && text === 'GET'));
    await until(() => service.status().answers['200'] === 32);
    await until(() => service.status().pools[0]!.counters.finished === 12);
    assert.equal(service.status().pools[0]!.counters.accepted, 12);
  });

  it('goes over to a new configuration in all of them, or in none', async (t) => {
    const { service, url, config } = await running(t);
    const before = url();
    const site = { root: '.', index: ['a.txt'], route: [{ match: '*.cgi', pool: 'cgi' }] };
    const ok = await service.reload([], config({ site: { main: { listen: '127.0.0.1:0', ...site } } }));
    assert.ok(ok.ok, ok.message);
    assert.equal(url(), before);
    assert.ok((await ask(before, 20)).every(({ text }) => text === 'one'));
    // An address that is in use: nothing changes.
    const taken = new URL(before).host;
    const bad = await service.reload(
      [],
      config({
        site: {
          other: { listen: `localhost:${new URL(before).port}`, root: '.' },
          main: { listen: ['127.0.0.1:0', '240.0.0.1:80'], root: '.' },
        },
      }),
    );
    assert.equal(bad.ok, false, taken);
    assert.ok((await ask(before, 20)).every(({ text }) => text === 'one'));
  });

  it('replaces a thread that ends, and loses nothing but its connections', async (t) => {
    const { service, url, log } = await running(t);
    await ask(`${url()}a.txt`, 10);
    await until(() => service.status().answers['200'] === 10);
    await started[1]!.terminate();
    await until(() => service.status().threads.every(({ state }) => state === 'serving') && started.length === 4);
    assert.ok((await ask(`${url()}a.txt`, 20)).every(({ status }) => status === 200));
    await until(() => service.status().answers['200'] === 30);
    assert.equal(log.records.filter(({ message }) => message.includes('front thread 2 was lost')).length, 1);
  });

  it('ends a program of a thread that is lost after a reload has taken its pool away', async (t) => {
    const pool = { cgi: { cgi: true, allowRoot: true, stopTimeout: '1s' } } as ConfigInput['pool'];
    const { service, folder, url, config } = await running(t, undefined, { pool });
    writeFileSync(
      join(folder, 'held.cgi'),
      '#!/bin/sh\ntrap "" TERM\necho $$ >pid.tmp\nmv pid.tmp pid\nwhile :; do sleep 0.1; done\n',
    );
    chmodSync(join(folder, 'held.cgi'), 0o755);
    const held = fetch(`${url()}held.cgi`).catch((error: unknown) => error);
    await until(() => existsSync(join(folder, 'pid')));
    const pid = Number(readFileSync(join(folder, 'pid'), 'latin1'));
    const isBusy = ({ running }: { running: number }): boolean => running > 0;
    await until(() => service.status().threads.some(isBusy), 'its thread has told of it');
    const busy = service.status().threads.find(isBusy)!;
    const changed = await service.reload(
      [],
      config({ site: { main: { listen: '127.0.0.1:0', root: '.' } }, pool: {} }),
    );
    assert.ok(changed.ok, changed.message);
    assert.equal(isGone(pid), false);
    await started[busy.thread - 1]!.terminate();
    await until(() => isGone(pid));
    assert.ok((await held) instanceof Error);
  });

  it('gives a thread that takes the place of another the certificates that came while it began', async (t) => {
    started.length = 0;
    const folder = temporaryFolder(t);
    writeFileSync(join(folder, 'index.html'), 'the page');
    const certificates = await Promise.all([testCertificate(['a.org']), testCertificate(['a.org'])]);
    const [old, fresh] = certificates.map((one) => ({
      secrets: newSecrets(),
      sites: new Map([['main', { certificates: [one], byName: new Map(), maker: null, rule: null }]]),
      proofFolder: null,
    }));
    const tls = writeCertificate(folder, 'a', certificates[0]);
    const { values } = defineConfig({ site: { main: { listen: 'https://127.0.0.1:0', root: '.', tls } } }, folder);
    const log = new RecordingLog();
    const fronts = new FrontThreads({ log, faults: new Faults(log), count: 1, mark: 'test' });
    t.after(() => {
      onStarted = () => {};
      return fronts.destroy();
    });
    const change = await fronts.open({ file: null, folder, values, tls: old! });
    await change.prepare(new Map());
    await change.commit(0);
    const { address } = fronts.listeners[0]!.address;
    assert.equal(address.kind, 'tcp');
    const ask = () => askByTls(address.kind === 'tcp' ? address.port : 0, { name: 'a.org' });
    assert.equal((await ask()).fingerprint, certificates[0].facts.fingerprint);
    onStarted = () => fronts.useTls(fresh!);
    await started[0]!.terminate();
    await until(async () => (await ask()).fingerprint === certificates[1].facts.fingerprint);
    assert.equal(started.length, 2);
  });

  it('replaces a thread that hangs, and tells where it did', async (t) => {
    const { service, url, log } = await running(t);
    const fixture = new URL('../fixtures/spins.ts', import.meta.url).pathname;
    const hang = `process.getBuiltinModule('module').createRequire('/')(${JSON.stringify(fixture)})`;
    await evaluateIn(t, 'front 3', `setTimeout(() => ${hang})`);
    await until(() => started.length === 4 && service.status().threads.every(({ state }) => state === 'serving'));
    assert.ok((await ask(`${url()}a.txt`, 20)).every(({ status }) => status === 200));
    const told = log.records.find(({ message }) => message.startsWith('front thread 3 hangs'));
    assert.match(String(told?.fields.stack), /spins\.ts/);
  });

  it('takes from a thread that hangs what others wait for', { skip: phpMissing }, async (t) => {
    const php = { php: 'auto' as const, workers: 1, queueTimeout: '60s', allowRoot: true };
    const route = [{ match: '*.php', pool: 'php' }];
    const { service, folder, url, log } = await running(
      t,
      { threads: 3 },
      { site: { main: { listen: '127.0.0.1:0', root: '.', route } }, pool: { php } },
    );
    writeFileSync(join(folder, 'a.php'), '<?php echo "a";');
    await ask(`${url()}a.php`, 10);
    const holder = service.status().pools[0]!.lanes[0]!.thread!;
    await evaluateIn(t, `front ${holder}`, 'setTimeout(() => { for (;;); })');
    let answered = 0;
    for (let at = 0; at < 20; at += 1) {
      const asked = fetch(`${url()}a.php`, { headers: { connection: 'close' } });
      asked.then(({ status }) => (answered += status === 200 ? 1 : 0)).catch(() => {});
    }
    await until(() => answered > 0, 'one is answered');
    assert.deepEqual(log.matching(/hangs/), []);
    assert.equal(log.matching(/front thread \d does not answer while others wait: a free process/).length, 1);
  });

  it('goes on in a thread after an error that nothing foresaw, and tells of it', async (t) => {
    const { service, url, log } = await running(t);
    await evaluateIn(t, 'front 2', 'setTimeout(() => { throw new Error("unforeseen") })');
    await until(() => service.status().faults.count === 1);
    assert.equal(service.status().faults.last?.where, 'a timer or callback of front thread 2');
    assert.ok((await ask(`${url()}a.txt`, 20)).every(({ status }) => status === 200));
    assert.equal(started.length, 3);
    assert.ok(log.records.some(({ fields }) => String(fields.stack).includes('unforeseen')));
  });

  it('bounds connections over all threads', async (t) => {
    const { url } = await running(t, { threads: 3, maxConnectionsPerClient: 4 });
    const { hostname, port } = new URL(url());
    const sockets = Array.from({ length: 12 }, () => connect(Number(port), hostname));
    t.after(() => {
      for (const socket of sockets) socket.destroy();
    });
    let closed = 0;
    for (const socket of sockets) {
      socket.on('error', () => {});
      socket.on('close', () => {
        closed += 1;
      });
      socket.resume();
    }
    await until(() => closed >= 8);
    for (const socket of sockets) socket.destroy();
    await until(async () => {
      const answer = await fetch(`${url()}a.txt`, { headers: { connection: 'close' } }).catch(() => null);
      return answer?.ok === true;
    });
  });

  it('leaves no thread when it is closed', async (t) => {
    const { service, url } = await running(t);
    await ask(`${url()}a.txt`, 4);
    await service.close();
    assert.ok(started.every(({ threadId }) => threadId === -1));
  });
});
