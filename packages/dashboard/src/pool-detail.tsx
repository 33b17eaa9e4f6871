// One pool in full: what it does as a whole, its processes with their memory, its lanes, its servers, and what may be done to them.

import type { Lane, Pool } from './arrived.ts';
import { causesOf, clockTime, formatCount, formatDuration, formatSize } from './format.ts';
import { lanesOf } from './lanes.tsx';
import { ActButton } from './operator.tsx';
import type { Store } from './store.ts';
import { type Column, Table } from './table.tsx';

export function PoolDetail({ pool, store }: { readonly pool: Pool; readonly store: Store }) {
  const { name, isDrained } = pool;
  const drain = isDrained
    ? { name: 'resume', parameters: { pool: name }, label: 'Resume', of: `Resume pool ${name}` }
    : {
        name: 'drain',
        parameters: { pool: name },
        label: 'Drain',
        of: `Drain pool ${name}`,
        question: 'It finishes the requests that it has, and answers new ones 503, until it is resumed.',
      };
  const reload = {
    name: 'reload',
    parameters: { pool: name },
    label: 'Reload',
    of: `Reload pool ${name}`,
    question: 'The configuration is read again, and every worker of the pool is replaced; no request is lost.',
  };
  return (
    <section aria-labelledby="pool-title">
      <div class="row">
        <h2 id="pool-title">Pool {name}</h2>
        <ActButton store={store} act={reload} />
        <ActButton store={store} act={drain} />
        <a href="#pools-title">All pools</a>
      </div>
      <Facts pool={pool} />
      {pool.kind === 'workers' && <Processes pool={pool} store={store} />}
      {pool.servers.length > 0 && <Servers pool={pool} />}
      <Lanes pool={pool} store={store} />
    </section>
  );
}

function Facts({ pool }: { readonly pool: Pool }) {
  const { counters, ended } = pool;
  const refusals = causesOf(counters.refusedBy);
  const endings = Object.entries(ended).filter(([, count]) => count > 0);
  const facts: readonly (readonly [name: string, value: string])[] = [
    ['program', pool.program],
    ['governor', pool.kind === 'workers' ? `${pool.governor} (score ${pool.spawnScore.toFixed(1)})` : ''],
    ['generation', pool.kind === 'workers' ? String(pool.generation) : ''],
    ['last reload', pool.lastReload ?? ''],
    ['requests', `${formatCount(counters.accepted)} accepted, ${formatCount(counters.finished)} finished`],
    [
      'lost',
      `${formatCount(counters.refused)} refused${refusals === '' ? '' : ` (${refusals})`}, ${formatCount(counters.failed)} failed, ${formatCount(counters.retried)} run again`,
    ],
    ['peaks', `${formatCount(counters.maxRunning)} running, ${formatCount(counters.maxWaiting)} waiting`],
    [
      'processes',
      pool.spawned === 0
        ? ''
        : `${formatCount(pool.spawned)} started${endings.map(([why, count]) => `, ${formatCount(count)} ended: ${why}`).join('')}`,
    ],
  ];
  return (
    <dl class="facts">
      {facts
        .filter(([, value]) => value !== '')
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

interface Process {
  readonly pid: number;
  readonly generation: number;
  readonly lanes: readonly Lane[];
  readonly memoryBytes: number;
}

/** Workers as a whole: a parent and its children are one. */
function Processes({ pool, store }: { readonly pool: Pool; readonly store: Store }) {
  const groups = Map.groupBy(lanesOf(pool), ({ workerPid }) => workerPid);
  const workers: Process[] = [...groups].map(([pid, lanes]) => ({
    pid,
    generation: lanes[0]!.generation,
    lanes,
    // Lanes of one process show its memory each.
    memoryBytes: [...new Map(lanes.map((lane) => [lane.pid, lane.memoryBytes])).values()].reduce(
      (sum, one) => sum + one,
      0,
    ),
  }));
  const most = Math.max(1, ...workers.map(({ memoryBytes }) => memoryBytes));
  const columns: Column<Process>[] = [
    { title: 'worker', of: ({ pid }) => pid, isNumber: true },
    { title: 'generation', of: ({ generation }) => generation, isNumber: true },
    { title: 'lanes', of: ({ lanes }) => lanes.length, isNumber: true },
    { title: 'busy', of: ({ lanes }) => lanes.filter(({ beganAt }) => beganAt != null).length, isNumber: true },
    {
      title: 'memory of its own',
      of: ({ memoryBytes }) => (
        <span class="bar">
          <meter min={0} max={most} value={memoryBytes} aria-label="memory, beside the largest" />
          {memoryBytes === 0 ? '–' : formatSize(memoryBytes)}
        </span>
      ),
    },
  ];
  if (store.state.token !== null)
    columns.push({
      title: 'actions',
      of: ({ pid }) => <Recycle pool={pool.name} pid={pid} what="worker" store={store} />,
    });
  return (
    <Table caption="Workers" columns={columns} rows={workers} keyOf={({ pid }) => String(pid)} none="No worker runs." />
  );
}

interface RecycleProps {
  readonly pool: string;
  readonly pid: number;
  readonly what: string;
  readonly store: Store;
}

function Recycle({ pool, pid, what, store }: RecycleProps) {
  if (pid === 0) return null;
  const act = {
    name: 'recycle',
    parameters: { pool, pid: String(pid) },
    label: 'Recycle',
    of: `Recycle ${what} ${pid}`,
  };
  return <ActButton store={store} act={act} />;
}

function Servers({ pool }: { readonly pool: Pool }) {
  type Server = Pool['servers'][number];
  const columns: Column<Server>[] = [
    { title: 'server', of: ({ address, isBackup }) => `${address}${isBackup ? ' (backup)' : ''}` },
    { title: 'state', of: ({ restsMs }) => (restsMs > 0 ? `rests for ${formatDuration(restsMs)}` : 'up') },
    { title: 'connections', of: ({ connections }) => connections, isNumber: true },
  ];
  return <Table caption="Servers" columns={columns} rows={pool.servers} keyOf={({ address }) => address} none="" />;
}

function Lanes({ pool, store }: { readonly pool: Pool; readonly store: Store }) {
  const { at, token } = store.state;
  const all = lanesOf(pool);
  const used = all.filter(({ state, requests, pid }) => state !== 'idle' || requests > 0 || pid > 0);
  const isEnding = ({ state }: Lane): boolean => state === 'draining' || state === 'stopping';
  const columns: Column<Lane>[] = [
    { title: 'lane', of: ({ lane }) => lane, isNumber: true },
    { title: 'pid', of: ({ pid }) => (pid === 0 ? '–' : pid), isNumber: true },
    {
      title: 'state',
      of: (lane) => (isEnding(lane) && lane.reason != null ? `${lane.state}: ${lane.reason}` : lane.state),
    },
    { title: 'since', of: ({ since }) => clockTime(since) },
    { title: 'requests', of: ({ requests }) => formatCount(requests), isNumber: true },
    { title: 'memory', of: ({ memoryBytes }) => (memoryBytes === 0 ? '–' : formatSize(memoryBytes)), isNumber: true },
    { title: 'waited', of: ({ method, waitedMs }) => (method === '' ? '–' : formatDuration(waitedMs)), isNumber: true },
    {
      title: 'ran',
      of: ({ method, beganAt, ranMs }) =>
        method === '' ? '–' : formatDuration(beganAt == null ? (ranMs ?? 0) : Math.max(0, at - beganAt)),
      isNumber: true,
    },
    {
      title: 'request',
      of: ({ method, url, beganAt }) => <span class={beganAt == null ? 'muted' : ''}>{`${method} ${url}`.trim()}</span>,
      isLong: true,
    },
  ];
  if (token !== null && pool.kind === 'workers')
    columns.push({
      title: 'actions',
      of: ({ pid }) => <Recycle pool={pool.name} pid={pid} what="process" store={store} />,
    });
  const rest = all.length - used.length;
  const none = rest === 0 ? 'No lane is there now.' : `${rest} lanes are idle, and were not needed yet.`;
  const caption = rest > 0 && used.length > 0 ? `Lanes (${rest} more are idle, and were not needed yet)` : 'Lanes';
  return <Table caption={caption} columns={columns} rows={used} keyOf={({ lane }) => String(lane)} none={none} />;
}
