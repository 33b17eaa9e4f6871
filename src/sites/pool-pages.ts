// The pages that PHP-FPM's tools ask for, of the pools that a site leads to: `statusPath` and `pingPath`.

import { fpmStatus } from '../admin/fpm-status.ts';
import type { PoolValues } from '../config/pool-schema.ts';
import type { PageAnswer, SitePage } from '../gateway/site.ts';
import type { Backend } from '../protocol/cgi/exchange.ts';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';

/** A pool as the sites see it. */
export interface FrontPool {
  /** Another one once the pool was made anew: to be asked for with each request. */
  readonly backend: Backend;
  /** What it shows now; where the pool is another thread's, when that has answered. */
  snapshot(): PoolSnapshot | Promise<PoolSnapshot>;
}

/** A pool that may have such pages. */
interface PagePool {
  readonly values: PoolValues;
  readonly backend: Backend;
  readonly snapshot: FrontPool['snapshot'];
}

/** What PHP-FPM says of how long its pages may be kept. */
const notKept = [
  ...['Expires', 'Thu, 01 Jan 1970 00:00:00 GMT'],
  ...['Cache-Control', 'no-cache, no-store, must-revalidate, max-age=0'],
];

/** The pages of some pools. Where a pool's requests go to servers elsewhere, these make them. */
export function poolPages(pools: readonly PagePool[]): SitePage[] {
  return pools.flatMap((pool) => {
    const { statusPath, pingPath, statusClients } = pool.values;
    return [
      ...(statusPath === undefined
        ? []
        : [pageOf(pool, statusPath, statusClients, (query) => statusAnswer(pool, query))]),
      ...(pingPath === undefined ? [] : [pageOf(pool, pingPath, null, () => pingAnswer(pool))]),
    ];
  });
}

function pageOf(
  { values, backend }: PagePool,
  path: string,
  clients: readonly string[] | null,
  answer: (query: string) => Promise<PageAnswer>,
): SitePage {
  if (values.kind === 'connect') return { kind: 'run', path, clients, backend };
  return { kind: 'answer', path, clients, answer };
}

/** Answered at once, whatever the pool does: no worker is asked. */
async function statusAnswer({ snapshot }: PagePool, query: string): Promise<PageAnswer> {
  const { type, body } = fpmStatus(await snapshot(), query, Date.now());
  return { status: 200, headers: [...notKept, 'Content-Type', type], body };
}

/** PHP-FPM's answer comes from a worker, so that it fails where none can serve; ours says why. */
async function pingAnswer({ snapshot }: PagePool): Promise<PageAnswer> {
  const { notReady } = await snapshot();
  const headers = ['Content-Type', 'text/plain;charset=UTF-8', ...notKept];
  return notReady === null ? { status: 200, headers, body: 'pong' } : { status: 503, headers, body: `${notReady}\n` };
}
