// The pools at a glance: a card for each, with its lanes and the few figures that tell whether it is well.

import type { Pool, Service } from './arrived.ts';
import { poolsOf } from './feed.ts';
import { formatCount, formatDuration, formatRate, formatSize } from './format.ts';
import type { History } from './history.ts';
import { Cells, Legend, lanesOf } from './lanes.tsx';

interface PoolsProps {
  readonly view: Service;
  readonly history: History;
  readonly selected: string | null;
  readonly at: number;
}

export function Pools({ view, history, selected, at }: PoolsProps) {
  const pools = poolsOf(view);
  return (
    <section aria-labelledby="pools-title">
      <div class="row">
        <h2 id="pools-title" tabIndex={-1}>
          Pools
        </h2>
        <Legend />
      </div>
      <ul class={`pools${pools.length > 6 ? ' many' : ''}`}>
        {pools.map((pool) => (
          <Card key={pool.name} pool={pool} history={history} isSelected={pool.name === selected} at={at} />
        ))}
      </ul>
    </section>
  );
}

interface CardProps {
  readonly pool: Pool;
  readonly history: History;
  readonly isSelected: boolean;
  readonly at: number;
}

function Card({ pool, history, isSelected, at }: CardProps) {
  const last = history.of(pool.name).at(-1);
  const { counters, workers, queue } = pool;
  const memory = lanesOf(pool).reduce((total, { memoryBytes }) => total + memoryBytes, 0);
  return (
    <li class={`card${isSelected ? ' selected' : ''}${pool.notReady == null ? '' : ' bad'}`}>
      <div class="row">
        <h3>
          <a
            href={isSelected ? '#pools-title' : `#pool=${encodeURIComponent(pool.name)}`}
            aria-current={isSelected ? 'true' : undefined}
          >
            {pool.name}
          </a>
        </h3>
        <span class="program">{pool.program}</span>
      </div>
      <Cells pool={pool} at={at} />
      <dl class="figures">
        <Figure name="req/s" value={formatRate(last?.rate ?? null)} />
        <Figure name="busy" value={`${counters.running}/${workers}`} isHot={counters.running >= workers} />
        <Figure name="queue" value={`${counters.waiting}/${queue}`} isHot={counters.waiting > 0} />
        <Figure name="p95" value={last?.p95 == null ? '–' : formatDuration(last.p95)} />
        {memory > 0 && <Figure name="memory" value={formatSize(memory)} />}
        {counters.refused + counters.failed > 0 && (
          <Figure
            name="lost"
            value={formatCount(counters.refused + counters.failed)}
            isHot={(last?.failing ?? 0) > 0}
          />
        )}
      </dl>
      {troublesOf(pool).map((words) => (
        <p key={words} class="notice hot">
          {words}
        </p>
      ))}
      {changesOf(pool).map((words) => (
        <p key={words} class="notice">
          {words}
        </p>
      ))}
    </li>
  );
}

function Figure({
  name,
  value,
  isHot = false,
}: {
  readonly name: string;
  readonly value: string;
  readonly isHot?: boolean;
}) {
  return (
    <div class={isHot ? 'hot' : ''}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** What is wrong, in words. */
function troublesOf({ notReady, governor, servers }: Pool): string[] {
  const resting = servers.filter(({ restsMs }) => restsMs > 0);
  return [
    notReady ?? '',
    governor === 'ready' || notReady?.includes(governor) === true ? '' : governor,
    ...resting.map(({ address, restsMs }) => `${address} rests for ${formatDuration(restsMs)} after failures`),
  ].filter((words) => words !== '');
}

/** How a reload goes, in words: nothing is wrong. */
function changesOf(pool: Pool): string[] {
  const { generation } = pool;
  const lanes = lanesOf(pool);
  const of = (isOf: (number: number) => boolean): number => lanes.filter((lane) => isOf(lane.generation)).length;
  const [next, old] = [of((number) => number > generation), of((number) => number < generation)];
  return [
    next > 0 ? `reload: generation ${generation + 1} starts with ${next} lanes, generation ${generation} serves` : '',
    old > 0 ? `generation ${generation} serves, ${old} lanes of an earlier one finish` : '',
  ].filter((words) => words !== '');
}
