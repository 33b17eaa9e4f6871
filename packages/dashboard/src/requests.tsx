// The slowest requests that run now, and the last processes that ended.

import type { Lane, Pool } from './arrived.ts';
import { clockTime, formatDuration } from './format.ts';
import { lanesOf } from './lanes.tsx';
import { ActButton } from './operator.tsx';
import type { Store } from './store.ts';
import { type Column, Table } from './table.tsx';

interface Running {
  readonly pool: string;
  readonly lane: Lane;
  readonly runMs: number;
}

const mostRunning = 10;
const mostEnds = 15;

interface RequestsProps {
  readonly pools: readonly Pool[];
  readonly store: Store;
}

/** Those that have run longest. */
export function Slowest({ pools, store }: RequestsProps) {
  const { at, token } = store.state;
  const running = pools
    .flatMap((pool) => lanesOf(pool).map((lane) => ({ pool: pool.name, lane })))
    .flatMap(({ pool, lane }) => (lane.beganAt == null ? [] : [{ pool, lane, runMs: Math.max(0, at - lane.beganAt) }]))
    .sort((a, b) => b.runMs - a.runMs)
    .slice(0, mostRunning);
  const columns: Column<Running>[] = [
    { title: 'running for', of: ({ runMs }) => formatDuration(runMs), isNumber: true },
    { title: 'request', of: ({ lane }) => `${lane.method} ${lane.url}`, isLong: true },
    { title: 'pool', of: ({ pool }) => pool },
    { title: 'pid', of: ({ lane }) => (lane.pid === 0 ? '–' : lane.pid), isNumber: true },
    { title: 'waited', of: ({ lane }) => formatDuration(lane.waitedMs), isNumber: true },
  ];
  if (token !== null) columns.push({ title: 'actions', of: (one) => <EndButton one={one} store={store} /> });
  const keyOf = ({ pool, lane }: Running): string => `${pool} ${lane.request}`;
  return (
    <Table caption="Slowest running requests" columns={columns} rows={running} keyOf={keyOf} none="Nothing runs now." />
  );
}

function EndButton({ one: { pool, lane }, store }: { readonly one: Running; readonly store: Store }) {
  const what = `${lane.method} ${lane.url}`;
  const act = {
    name: 'end',
    parameters: { pool, request: String(lane.request) },
    label: 'End',
    of: `End ${what}`,
    question: `The client gets an error, and ${lane.pid === 0 ? 'what runs it' : `process ${lane.pid}`} is killed.`,
  };
  return <ActButton store={store} act={act} />;
}

/** Processes that ended otherwise than by a reload or a shutdown, newest first. */
export function Ends({ pools }: { readonly pools: readonly Pool[] }) {
  const ends = pools
    .flatMap((pool) => Object.values(pool.ends).map((end) => ({ pool: pool.name, ...end })))
    .sort((a, b) => b.at - a.at)
    .slice(0, mostEnds);
  type End = (typeof ends)[number];
  const columns: Column<End>[] = [
    { title: 'at', of: ({ at }) => clockTime(at) },
    {
      title: 'why',
      of: ({ reason, ending }) => (ending === '' || ending === reason ? reason : `${reason} (${ending})`),
    },
    { title: 'request', of: requestOf, isLong: true },
    { title: 'after', of: ({ isCause, runMs }) => (isCause ? formatDuration(runMs) : '–'), isNumber: true },
    { title: 'pool', of: ({ pool }) => pool },
    { title: 'pid', of: ({ pid }) => (pid === 0 ? '–' : pid), isNumber: true },
  ];
  return (
    <Table
      caption="Last ends of processes"
      columns={columns}
      rows={ends}
      keyOf={({ pool, number }) => `${pool} ${number}`}
      none="None but those of reloads and shutdowns."
    />
  );

  function requestOf({ method, url, isCause }: End) {
    if (method === '') return 'none';
    return isCause ? `${method} ${url}` : <span class="muted">{`none; the last was ${method} ${url}`}</span>;
  }
}
