// A site that the `postern` command serves, as a user starts it: ready, with its addresses.

import type { ChildProcess } from 'node:child_process';
import type { TestContext } from 'node:test';
import type { PoolSnapshot } from '../../src/queue/pool-snapshot.ts';
import { temporaryFolder } from './folder.ts';
import { type Ended, postern, startPostern as startProcess } from './postern-process.ts';
import { until } from './until.ts';

/** A running `postern serve` or `postern run`. */
export interface RunningPostern {
  readonly child: ChildProcess;
  /** Where the site is, without a slash at the end. */
  readonly base: string;
  /** All that was written to standard output and standard error so far. */
  readonly output: () => string;
  /** Runs another command, which finds this service. */
  command(args: readonly string[]): Promise<Ended>;
  /** The first pool of /status. */
  pool(): Promise<PoolSnapshot>;
  /** SIGTERM. @returns the exit status */
  stop(): Promise<number | null>;
}

/** Where a site and its admin pages are, without a slash at the end. */
export interface SiteAddresses {
  readonly base: string;
  readonly admin: string;
}

/**
 * Starts `serve` or `run` and waits until all of it is ready. It ends with the test.
 * @param addresses those of the configuration; null: as the command prints them
 */
export async function startPostern(
  t: { after: TestContext['after'] },
  args: readonly string[],
  addresses: SiteAddresses | null = null,
): Promise<RunningPostern> {
  const runtime = temporaryFolder(t);
  const { child, output, ended, wrote } = startProcess(t, runtime, args);
  const { base, admin } = addresses ?? {
    base: (await wrote(/^ *site +(http:\/\/\S+?)\/?$/m))[1]!,
    admin: (await wrote(/^ *admin +(http:\/\/\S+?)\/$/m))[1]!,
  };
  const isReady = async (): Promise<boolean> => child.exitCode !== null || (await fetch(`${admin}/readyz`)).ok;
  await until(isReady, output);
  if (child.exitCode !== null) throw new Error(`postern ${args.join(' ')} ended at its start:\n${output()}`);
  return {
    child,
    base,
    output,
    command: (others) => postern(t, runtime, others),
    async pool() {
      const answer = await fetch(`${admin}/status?format=json`);
      return ((await answer.json()) as { pools: PoolSnapshot[] }).pools[0]!;
    },
    async stop() {
      child.kill('SIGTERM');
      return (await ended()).status;
    },
  };
}
