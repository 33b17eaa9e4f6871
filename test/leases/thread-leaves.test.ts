// A front thread that has left a pool goes on counting what it refuses: whatever it counts while the pool hears of that is counted once.

import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { FromThread } from '../../src/leases/lease-messages.ts';
import { PermitPool } from '../../src/leases/permit-pool.ts';
import { Pool } from '../../src/pool/pool.ts';
import { type Counters, counter, type QueueCounters } from '../../src/queue/queue-books.ts';
import { SharedBooks } from '../../src/queue/shared-books.ts';
import { temporaryFolder } from '../support/folder.ts';
import { defaultLimits } from '../support/pool-limits.ts';
import { plainProgram } from '../support/programs.ts';
import { until } from '../support/until.ts';

interface Kind {
  /** What thread 1 counts with. */
  readonly counters: Counters;
  readonly all: () => QueueCounters;
  /** Thread 1 says that it has left. @returns when the pool has heard it */
  readonly leave: () => Promise<void>;
}

const kinds: Readonly<Record<string, (t: TestContext) => Kind>> = {
  lanes: (t) => {
    const directory = temporaryFolder(t);
    const pool = new Pool({ program: plainProgram(), limits: defaultLimits, directory });
    t.after(() => pool.destroy());
    const { port1, port2 } = new MessageChannel();
    pool.openThread(1, port1);
    const { counters } = new SharedBooks(pool.shared.books).of(1);
    const leave = (): Promise<void> => left(port2);
    return { counters, all: () => pool.snapshot().counters, leave };
  },
  permits: (t) => {
    const pool = new PermitPool(1, 1);
    t.after(() => pool.close());
    const { port1, port2 } = new MessageChannel();
    pool.open(1, port1);
    const { counters } = new SharedBooks(pool.shared.books).of(1);
    return { counters, all: () => pool.counters, leave: () => left(port2) };
  },
};

/** The pool closes its end then. */
async function left(port: MessagePort): Promise<void> {
  let isClosed = false;
  port.on('close', () => {
    isClosed = true;
  });
  port.postMessage({ type: 'left' } satisfies FromThread);
  await until(() => isClosed, 'the pool has heard that it left');
}

for (const [name, make] of Object.entries(kinds)) {
  test(`${name}: a request that is being refused while its thread leaves is counted once`, async (t) => {
    const { counters, all, leave } = make(t);
    counters.add(counter.accepted, 1);
    await leave();
    counters.refuse('POOL_CLOSING');
    const { accepted, refused, aborted } = all();
    assert.deepEqual({ accepted, refused, aborted }, { accepted: 1, refused: 1, aborted: 0 });
  });
}
