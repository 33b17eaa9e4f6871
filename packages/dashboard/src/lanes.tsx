// The lanes of a pool as cells: a colour and a letter for each state, in the order of the scoreboard.

import type { Lane, Pool } from './arrived.ts';
import { formatDuration, glyphs } from './format.ts';

const states = ['busy', 'idle', 'starting', 'draining', 'stopping'] as const;

/** The lanes of a pool, in their order. */
export function lanesOf(pool: Pool): readonly Lane[] {
  return Object.values(pool.lanes)
    .filter(({ state }) => state !== 'gone')
    .sort((a, b) => a.lane - b.lane);
}

/** "3 busy, 5 idle", for those who do not see the cells. */
function summary(lanes: readonly Lane[]): string {
  const counts = states.map((state) => [state, lanes.filter((lane) => lane.state === state).length] as const);
  const words = counts.filter(([, count]) => count > 0).map(([state, count]) => `${count} ${state}`);
  return words.length === 0 ? 'no lanes' : words.join(', ');
}

/** A cell for each lane. What a pool may have besides, and has not now, is an empty cell, up to what it makes sense to draw. */
export function Cells({ pool, at }: { readonly pool: Pool; readonly at: number }) {
  const lanes = lanesOf(pool);
  const missing = Math.max(0, Math.min(pool.workers, mostCells) - lanes.length);
  return (
    <div class="cells" role="img" aria-label={`${pool.name}: ${summary(lanes)}, of ${pool.workers}`}>
      {lanes.slice(0, mostCells).map((lane) => (
        <span key={lane.lane} class={`cell ${lane.state}${isOld(lane, pool) ? ' old' : ''}`} title={titleOf(lane, at)}>
          {glyphs[lane.state]}
        </span>
      ))}
      {Array.from({ length: missing }, (_, index) => (
        <span key={`none-${index}`} class="cell none" />
      ))}
      {lanes.length > mostCells && <span class="more">+{lanes.length - mostCells}</span>}
    </div>
  );
}

const mostCells = 512;

/** Whether it is of a generation that leaves. */
const isOld = (lane: Lane, pool: Pool): boolean => lane.generation < pool.generation;

function titleOf({ lane, pid, state, reason, method, url, beganAt }: Lane, at: number): string {
  const isEnding = state === 'draining' || state === 'stopping';
  const words = [
    `lane ${lane}`,
    pid === 0 ? '' : `pid ${pid}`,
    isEnding && reason != null ? `${state}: ${reason}` : state,
  ];
  if (beganAt != null) words.push(`${method} ${url}`, formatDuration(Math.max(0, at - beganAt)));
  return words.filter((word) => word !== '').join(' · ');
}

/** What the colours and letters mean. */
export function Legend() {
  return (
    <ul class="legend" aria-label="What the cells mean">
      {states.map((state) => (
        <li key={state}>
          <span class={`cell ${state}`} aria-hidden="true">
            {glyphs[state]}
          </span>
          {state}
        </li>
      ))}
      <li>
        <span class="cell none" aria-hidden="true" />
        not started
      </li>
    </ul>
  );
}
