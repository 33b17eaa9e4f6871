// The service as a process that the launcher has started, without rights: what `run` and `serve` do when they are started as root.

import type { LaunchedPlan, LaunchedPools, Privileged } from '../backend/privileged.ts';
import { type Config, type ReadConfig, sound } from '../config/config.ts';
import type { Threads } from '../config/thread-count.ts';
import { PosternError } from '../errors.ts';
import { LauncherClient } from '../launcher/launcher-client.ts';
import type { LaunchedPool } from '../launcher/requests.ts';
import { ShellGuard } from '../worker/guard.ts';
import { describeError, exit, exitStatusOf } from './exit-status.ts';
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
  // Programs first: they run while this process loads, and take longer to start once it is large.
  const guard = new ShellGuard();
  void guard.ownProcess();
  const findPhp = phpAhead(await client.ahead());
  const [hello] = await Promise.all([client.begin(), import('../service/service.ts')]);
  const config = configOf(hello.config);
  const pools = new WeakMap<Config, LaunchedPools>([[config, plansOf(hello.pools)]]);
  const privileged: Privileged = {
    launcher: process.ppid,
    guard,
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

function plansOf(pools: Readonly<Record<string, LaunchedPool>>): LaunchedPools {
  return new Map(Object.entries(pools).map(([name, { plan }]) => [name, plan as LaunchedPlan]));
}
