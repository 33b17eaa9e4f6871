// A front thread's parts of pools of CGI programs: it starts processes. Loaded with the first such pool.

import type { CgiShare, PoolShare } from '../backend/unit.ts';
import { CgiPool } from '../cgi/cgi-pool.ts';
import { type RelayEnd, RelayedStarter } from '../launcher/launch-relay.ts';
import { PermitThread } from '../leases/permit-thread.ts';
import { guardElsewhere } from '../worker/guard.ts';
import { openSpawner, type Spawner } from '../worker/spawner.ts';
import { type Starter, starterByKey } from '../worker/starter.ts';
import { type PartContext, type PoolPart, permittedPart } from './pool-part.ts';

export class CgiParts {
  readonly #context: PartContext;
  readonly #spawner: Spawner;

  constructor(context: PartContext) {
    this.#context = context;
    this.#spawner = openSpawner(guardElsewhere(context.mark));
  }

  open(share: CgiShare): PoolPart {
    const { index, clock, log } = this.#context;
    const { kind } = share;
    // A reload may give it to the launcher to start its programs, or another way to ask for it.
    let starter = this.#starter(share.relay);
    const permits = new PermitThread(share.permits!, index);
    const pool = new CgiPool({
      ...share.settings,
      name: share.name,
      starter: {
        startWorker: (...given) => starter.startWorker(...given),
        startCgi: (start) => starter.startCgi(start),
      },
      clock,
      log,
      share: permits,
    });
    const use = (next: PoolShare): void => {
      if (next.kind !== kind) return;
      if (next.relay !== null) starter = this.#starter(next.relay);
      pool.use(next.settings);
    };
    return { kind, use, ...permittedPart(pool, permits) };
  }

  /** Nothing is started any more. */
  close(): void {
    this.#spawner.close();
  }

  #starter(relay: RelayEnd | null): Starter {
    return relay === null ? this.#spawner : starterByKey(this.#spawner, new RelayedStarter(relay));
  }
}
