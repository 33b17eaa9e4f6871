// The service as a process that the launcher has started, without rights: what `run` and `serve` do when they are started as root.

import type { LaunchedPlan, LaunchedPools, Privileged } from '../backend/privileged.ts';
import { type Config, type ReadConfig, sound } from '../config/config.ts';
import { PosternError } from '../errors.ts';
import { LauncherClient } from '../launcher/launcher-client.ts';
import type { Hello, LaunchedPool } from '../launcher/requests.ts';
import { describeError, exit, exitStatusOf } from './exit-status.ts';
import type { Threads } from './option-values.ts';
import { phpAhead } from './php-ahead.ts';
import type { Served } from './serve-preparation.ts';

/** What the launcher says of what is to be done. JSON. */
export type LaunchedCommand =
  | {
      readonly command: 'run';
      readonly launcher: number;
      readonly isLogTaken: boolean;
      readonly threads: Threads | undefined;
    }
  | { readonly command: 'serve'; readonly served: Served };

process.title = 'postern: service';
let reload: () => void = () => {};
const client = new LauncherClient({
  reload: () => reload(),
  // The programs have ended with it; nothing can be done for those that wait.
  lost: () => process.exit(exit.failed),
});

try {
  // Begun before the launcher knows what there is to serve, and PHP looked for before this has ended.
  const loading = import('../service/service.ts');
  const hello = await client.begin();
  const findPhp = phpAhead(phpOf(hello), (hello.config as ReadConfig).origin.folder);
  await loading;
  const config = configOf(hello.config);
  const pools = new WeakMap<Config, LaunchedPools>([[config, plansOf(hello.pools)]]);
  const privileged: Privileged = {
    launcher: process.ppid,
    setpriv: hello.setpriv,
    binder: client,
    starter: client,
    relay: () => client.relay(),
    launchedPools: (one) => pools.get(one) ?? plansOf(hello.pools),
    readConfig: async () => {
      const read = await client.readAgain();
      const next = configOf(read.config);
      pools.set(next, plansOf(read.pools));
      return next;
    },
    settled: (isInForce) => client.settled(isInForce),
    readFile: (path) => client.readFile(path),
    stopping: () => client.stopping(),
  };
  // As if the signal had come here: however many come, they are carried out one after the other.
  reload = () => process.emit('SIGHUP', 'SIGHUP');
  const told = hello.extra as LaunchedCommand;
  const onServing = (): void => client.ready();
  if (told.command === 'run') {
    const { run } = await import('./running.ts');
    const logTo = told.isLogTaken ? 'stdout' : undefined;
    await run({
      config,
      asRoot: 'refuse',
      findPhp,
      privileged,
      onServing,
      launcher: told.launcher,
      threads: told.threads,
      logTo,
    });
  } else {
    const { serveLaunched } = await import('./launched-serving.ts');
    await serveLaunched({ config, served: told.served, findPhp, privileged, onServing });
  }
  process.exit();
} catch (error) {
  process.stderr.write(`${describeError(error).replace(/^/gm, 'postern: ')}\n`);
  process.exit(error instanceof PosternError ? exitStatusOf(error) : exit.failed);
}

function configOf(sent: unknown): Config {
  return sound(sent as ReadConfig);
}

/** What the pools want that the launcher has not looked for. */
function phpOf({ config, pools }: Hello): string[] {
  const all = Object.entries((config as ReadConfig).values.pool);
  return all.flatMap(([name, pool]) => (pool.kind === 'php' && !Object.hasOwn(pools, name) ? pool.php : []));
}

function plansOf(pools: Readonly<Record<string, LaunchedPool>>): LaunchedPools {
  return new Map(Object.entries(pools).map(([name, { plan }]) => [name, plan as LaunchedPlan]));
}
