// Every backend against the same suite.

import { fileURLToPath } from 'node:url';
import { CgiPool } from '../../src/cgi/cgi-pool.ts';
import { systemClock } from '../../src/clock.ts';
import { silentLog } from '../../src/log.ts';
import { openLauncher } from '../../src/worker/launcher.ts';
import { serveFaultily } from '../fixtures/faulty-fastcgi.ts';
import { plainProgram } from '../support/programs.ts';
import { RunningPool } from '../support/running-pool.ts';
import { scriptedApplication } from '../support/scripted-application.ts';
import { queueLimits, upstreamPool } from '../support/upstreams.ts';
import { backendConformance } from './backend.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}.ts`, import.meta.url));

backendConformance(
  'pool',
  async (t, { requestTimeoutMs, folder }) => {
    const command = [process.execPath, fixture('faulty-fastcgi'), folder];
    const running = new RunningPool(t, () => plainProgram({ command }), { requestTimeoutMs, workers: 2 });
    await running.pool.start();
    return running.backend;
  },
  { speaksFastcgi: true },
);

backendConformance(
  'remote FastCGI server',
  async (t, { requestTimeoutMs, folder }) => {
    const application = await scriptedApplication((socket) => serveFaultily(socket, folder, () => socket.destroy()));
    const backend = upstreamPool({
      name: 'remote',
      servers: [{ address: application.address }],
      limits: { ...queueLimits, requestTimeoutMs },
    });
    t.after(async () => {
      await backend.destroy();
      await application.close();
    });
    return backend;
  },
  { speaksFastcgi: true },
);

backendConformance(
  'plain CGI',
  (t, { requestTimeoutMs }) => {
    const launcher = openLauncher();
    const limits = {
      workers: 2,
      queue: 2,
      queueTimeoutMs: 20_000,
      requestTimeoutMs,
      readTimeoutMs: 0,
      stopTimeoutMs: 1_000,
    };
    const env = { PATH: '/usr/bin:/bin' };
    const backend = new CgiPool({ name: 'cgi', limits, env, user: null, launcher, clock: systemClock, log: silentLog });
    t.after(async () => {
      await backend.destroy();
      launcher.close();
    });
    return backend;
  },
  {
    speaksFastcgi: false,
    limitMs: 3_000,
    script: (folder) => `#!/bin/sh\nexec '${process.execPath}' '${fixture('faulty-cgi')}' '${folder}'\n`,
  },
);
