// Requests a second, busy and waiting, and percentiles, as charts over the last minutes (uPlot).

import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { formatCount, formatDuration, formatRate } from './format.ts';
import type { Point } from './history.ts';

interface Line {
  readonly label: string;
  /** Name of a custom property of the style sheet. */
  readonly colour: string;
  readonly of: (point: Point) => number | null;
  readonly isDashed?: boolean;
}

interface ChartKind {
  readonly title: string;
  readonly lines: readonly Line[];
  readonly format: (value: number | null) => string;
  /** Whether the scale is logarithmic: percentiles lie far apart. */
  readonly isLog?: boolean;
}

const duration = (value: number | null): string => (value === null ? '–' : formatDuration(value));

const kinds: readonly ChartKind[] = [
  {
    title: 'Requests a second',
    format: formatRate,
    lines: [
      { label: 'ended', colour: '--line-1', of: ({ rate }) => rate },
      { label: 'failed or refused', colour: '--line-3', of: ({ failing }) => failing },
    ],
  },
  {
    title: 'Busy and waiting',
    format: (value) => (value === null ? '–' : String(Math.round(value))),
    lines: [
      { label: 'busy', colour: '--line-2', of: ({ busy }) => busy },
      { label: 'waiting', colour: '--line-3', of: ({ waiting }) => waiting },
      { label: 'limit', colour: '--muted', of: ({ limit }) => limit, isDashed: true },
    ],
  },
  {
    title: 'How long requests ran',
    format: duration,
    isLog: true,
    lines: [
      { label: 'p50', colour: '--line-1', of: ({ p50 }) => p50 },
      { label: 'p95', colour: '--line-2', of: ({ p95 }) => p95 },
      { label: 'p99', colour: '--line-3', of: ({ p99 }) => p99 },
    ],
  },
];

/** All charts of one history. @param name of what they show */
export function Charts({ points, name }: { readonly points: readonly Point[]; readonly name: string }) {
  return (
    <section class="charts" aria-label={`Charts of ${name}`}>
      {kinds.map((kind) => (
        <Chart key={kind.title} kind={kind} points={points} />
      ))}
    </section>
  );
}

function Chart({ kind, points }: { readonly kind: ChartKind; readonly points: readonly Point[] }) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  useEffect(() => {
    const element = holder.current!;
    const make = (): void => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsOf(kind, element), dataOf(kind, []), element);
    };
    make();
    const resized = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: chartHeight }),
    );
    resized.observe(element);
    // A canvas does not follow the style sheet by itself.
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', make);
    return () => {
      resized.disconnect();
      scheme.removeEventListener('change', make);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [kind]);
  const last = points.at(-1);
  // The list grows in place: its last point tells whether there is one more.
  useEffect(() => plot.current?.setData(dataOf(kind, points)), [kind, points, last]);
  const values = kind.lines.map(({ label, of }) => `${label} ${kind.format(last === undefined ? null : of(last))}`);
  return (
    <figure class="chart">
      <figcaption>
        {kind.title}
        <span class="keys">
          {kind.lines.map(({ label, colour, of }) => (
            <span key={label} class={`key ${colour.slice(2)}`}>
              {label} <b>{kind.format(last === undefined ? null : of(last))}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={holder} class="plot" role="img" aria-label={`${kind.title}: ${values.join(', ')}`} />
    </figure>
  );
}

const chartHeight = 132;

function dataOf(kind: ChartKind, points: readonly Point[]): uPlot.AlignedData {
  const columns = kind.lines.map(({ of }) =>
    points.map((point) => {
      const value = of(point);
      return value === null || Number.isNaN(value) || (kind.isLog === true && value <= 0) ? null : value;
    }),
  );
  return [points.map(({ at }) => at), ...columns];
}

function optionsOf(kind: ChartKind, element: HTMLElement): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--muted'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: colour('--grid'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth || 300,
    height: chartHeight,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 8, 0, 0],
    scales: { x: { time: true, range: lastMinutes }, y: kind.isLog === true ? { distr: 3 } : { range: fromZero } },
    axes: [
      {
        ...axis,
        size: 24,
        incrs: [60, 120, 300],
        values: (_plot, seconds) => seconds.map((at) => new Date(at * 1000).toTimeString().slice(0, 5)),
      },
      {
        ...axis,
        size: 56,
        space: 30,
        ...(kind.isLog === true ? { filter: decades, grid: { ...axis.grid, filter: decades } } : {}),
        values: (_plot, values) => values.map((value) => (value === null ? '' : atAxis(kind, value))),
      },
    ],
    series: [
      {},
      ...kind.lines.map(({ label, colour: name, isDashed }) => ({
        label,
        stroke: colour(name),
        width: isDashed === true ? 1 : 1.5,
        ...(isDashed === true ? { dash: [4, 4] } : {}),
        points: { show: false },
      })),
    ],
  };
}

/** There is room for "1,000 s", not for "16 min 40 s". */
function atAxis({ isLog, format }: ChartKind, value: number): string {
  return isLog === true && value >= 1_000 ? `${formatCount(value / 1_000)} s` : format(value);
}

/** Of a logarithmic scale the powers of ten alone: the lines between them would hide what is drawn. */
function decades(_plot: uPlot, splits: number[]): (number | null)[] {
  return splits.map((value) => (Number.isInteger(Math.round(Math.log10(value) * 1e6) / 1e6) ? value : null));
}

/** Two minutes at least, ten at most. */
function lastMinutes(_plot: uPlot, first: number, last: number): [number, number] {
  const end = Number.isFinite(last) ? last : Date.now() / 1000;
  return [Math.min(end - 120, Math.max(first, end - 600)), end];
}

function fromZero(_plot: uPlot, _least: number, most: number): [number, number] {
  return [0, Math.max(1, most * 1.1)];
}
