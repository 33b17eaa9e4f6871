// A service of many pools that is made up, and that changes with each look: for pictures and for browsers.

import type { ServiceStatus } from '../../src/admin/source.ts';
import type { LaneSnapshot, PoolSnapshot } from '../../src/queue/pool-snapshot.ts';
import { Durations } from '../../src/queue/queue-books.ts';
import { laneSnapshot, poolSnapshot, serviceStatus } from './service-status.ts';

const names = ['shop', 'blog', 'api', 'wiki', 'search', 'mail', 'reports', 'legacy', 'images', 'admin'];

/** Gives a status, another one each time. What it draws is drawn from a fixed seed. */
export function busyService(pools: number, lanes: number): () => ServiceStatus {
  const startedAt = Date.now() - 3_600_000;
  const durations = Array.from({ length: pools }, () => new Durations());
  const accepted = Array.from({ length: pools }, () => 0);
  let seed = 7;
  const random = (): number => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  return () => {
    const now = Date.now();
    const all = Array.from({ length: pools }, (_, index): PoolSnapshot => {
      const load = (index % 5) / 5 + random() * 0.2;
      for (let count = 0; count < 20; count += 1) durations[index]!.note(random(), 5 + random() ** 6 * 2_000);
      accepted[index]! += 20;
      const rows = Array.from({ length: lanes }, (_row, lane): LaneSnapshot => {
        const isBusy = random() < load;
        const runMs = random() ** 8 * 60_000;
        return laneSnapshot({
          lane,
          pid: 10_000 + index * 100 + lane,
          workerPid: 10_000 + index * 100,
          generation: index === 3 && lane % 7 === 0 ? 1 : 2,
          state: index === 3 && lane % 7 === 0 ? 'draining' : isBusy ? 'busy' : lane === 5 ? 'starting' : 'idle',
          request: isBusy ? 1 + Math.floor(random() * 1e6) : 0,
          url: `/${names[index % names.length]}/page-${lane}.php?session=secret`,
          runMs,
          sinceMs: runMs,
          memoryBytes: 8e6 + random() * 4e7,
        });
      });
      const running = rows.filter(({ request }) => request > 0).length;
      const isResting = index === 7;
      return poolSnapshot({
        name: names[index % names.length]! + (index < names.length ? '' : `-${Math.floor(index / names.length)}`),
        workers: lanes,
        generation: 2,
        lanes: rows,
        durations: durations[index]!.snapshot(),
        notReady: isResting ? 'next spawn allowed in 2.4 s: 4 crashes in 3 s (exit 255)' : null,
        governor: isResting ? 'next spawn allowed in 2.4 s: 4 crashes in 3 s (exit 255)' : 'ready',
        counters: {
          ...poolSnapshot().counters,
          accepted: accepted[index]! + running,
          finished: accepted[index]!,
          running,
          waiting: index === 4 ? 12 : 0,
          refused: index === 4 ? accepted[index]! / 10 : 0,
        },
        lastEnds: [
          {
            number: 1,
            at: now - 60_000 * (index + 1),
            pid: 999,
            generation: 1,
            reason: 'crash',
            ending: 'SIGSEGV',
            method: 'POST',
            url: `/${names[index % names.length]}/upload.php?session=secret`,
            runMs: 1_204,
            isCause: true,
          },
        ],
      });
    });
    return serviceStatus({ startedAt, upMs: now - startedAt, pools: all });
  };
}
