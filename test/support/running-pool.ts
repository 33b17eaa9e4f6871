// A pool with real processes, which ends with its test and leaves nothing behind.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from '../../src/pool/pool.ts';
import type { PoolLimits } from '../../src/pool/pool-state.ts';
import type { CgiRequest } from '../../src/protocol/cgi/exchange.ts';
import type { LaneSnapshot } from '../../src/queue/pool-snapshot.ts';
import { isGroupAlive } from '../../src/worker/process-table.ts';
import type { Program } from '../../src/worker/program.ts';
import { cgiRequest } from './cgi-request.ts';
import { temporaryFolder } from './folder.ts';
import { verify, verifyProcesses } from './pool-invariants.ts';
import { defaultLimits } from './pool-limits.ts';
import { phpEnvironment } from './programs.ts';
import { RecordingLog } from './recording-log.ts';
import { RecordingSink } from './recording-sink.ts';

/** How long a test waits for what must happen; never how long it may take. */
const patienceMs = 20_000;

export class RunningPool {
  readonly folder: string;
  readonly limits: PoolLimits;
  readonly pool: Pool;
  readonly log = new RecordingLog();
  readonly backend: Pool['queue'];
  /** Whether front threads take its lanes now. */
  hasThreads = false;
  /** Ends those threads, before the pool ends: their last word of a lane may still be on its way. */
  endThreads: () => Promise<void> = async () => {};
  /** Every worker that was seen, to be looked for at the end. */
  readonly #groups = new Set<number>();

  constructor(t: TestContext, makeProgram: (folder: string) => Program, limits: Partial<PoolLimits> = {}) {
    this.folder = temporaryFolder(t);
    this.limits = { ...defaultLimits, ...limits };
    this.pool = new Pool({
      program: makeProgram(this.folder),
      limits: this.limits,
      directory: this.folder,
      log: this.log,
    });
    this.backend = this.pool.queue;
    t.after(() => this.#end());
  }

  /** Puts a script into the folder. @returns its path */
  script(name: string, source: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, source);
    return path;
  }

  /** Runs a request to its end. */
  ask(request: CgiRequest): Promise<RecordingSink> {
    const sink = new RecordingSink();
    this.backend.run(request, sink);
    return sink.done;
  }

  /** Runs a PHP script to its end. */
  run(script: string, given: Partial<CgiRequest> = {}): Promise<RecordingSink> {
    return this.ask(cgiRequest({ environment: phpEnvironment(script), url: script, ...given }));
  }

  /** Lanes in a state, as the scoreboard has them. */
  lanes(state: LaneSnapshot['state']): LaneSnapshot[] {
    return this.look().lanes.filter((lane) => lane.state === state);
  }

  /** The scoreboard; checks the invariants. */
  look(): ReturnType<Pool['snapshot']> {
    const snapshot = this.pool.snapshot();
    // What other threads count changes while it is read.
    if (this.hasThreads) verifyProcesses(this.pool.state);
    else verify(this.pool.state, snapshot.counters);
    for (const { workerPid } of snapshot.lanes) if (workerPid > 0) this.#groups.add(workerPid);
    return snapshot;
  }

  /** Waits until something is so. */
  async until(what: string, isSo: () => boolean): Promise<void> {
    for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 10) {
      this.look();
      if (isSo()) return;
      await sleep(10);
    }
    assert.fail(`it did not happen: ${what}; ${JSON.stringify(this.look())}`);
  }

  async #end(): Promise<void> {
    this.look();
    await this.endThreads();
    await this.pool.destroy();
    const { counters, lanes } = this.look();
    assert.deepEqual(lanes, []);
    assert.equal(counters.accepted, counters.finished + counters.refused + counters.aborted);
    for (const group of this.#groups) assert.ok(!isGroupAlive(group), `processes of group ${group} were left`);
  }
}
