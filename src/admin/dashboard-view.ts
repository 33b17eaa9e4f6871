// What the dashboard is told of a service: its status with lists as objects by name, and with moments in place of times that
// grow, so that what has not changed is the same in the next sample. A section that a status has besides is passed on as it is. Pure.

import type { LaneSnapshot, PoolSnapshot, ProcessEndSnapshot } from '../queue/pool-snapshot.ts';
import type { DurationCounts } from '../queue/queue-books.ts';
import type { JsonObject } from './merge-patch.ts';
import type { ServiceStatus } from './source.ts';

/** A lane; moments are in milliseconds since 1970, and absent numbers are 0. */
export interface LaneView extends Omit<LaneSnapshot, 'ageMs' | 'sinceMs' | 'runMs'> {
  readonly startedAt: number;
  readonly since: number;
  /** When the current request began; null: none runs. */
  readonly beganAt: number | null;
  /** How long the last request ran; null: one runs. */
  readonly ranMs: number | null;
}

/** Requests by bucket; one without any is absent. */
export interface HistogramView {
  readonly counts: Readonly<Record<string, number>>;
  readonly sumMs: number;
}

/** A pool; its slow requests have a page of their own. */
export interface PoolView extends Omit<PoolSnapshot, 'lanes' | 'durations' | 'lastEnds' | 'slow'> {
  /** Its place in the configuration. */
  readonly order: number;
  /** By slot. */
  readonly lanes: Readonly<Record<string, LaneView>>;
  readonly boundsMs: readonly number[];
  readonly wait: HistogramView;
  readonly run: HistogramView;
  /** By number. */
  readonly ends: Readonly<Record<string, ProcessEndSnapshot>>;
}

/** All of it. */
export interface ServiceView extends Omit<ServiceStatus, 'pools' | 'upMs'> {
  readonly pools: Readonly<Record<string, PoolView>>;
  /** Whether a token is configured, so that something may be asked for. */
  readonly hasActions: boolean;
}

/** What a view is made with. */
export interface ViewOptions {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The one before it: what has moved by less than the clocks differ stays where it was. */
  readonly previous: ServiceView | null;
  /** Whether URLs keep their query strings. */
  readonly withQuery: boolean;
  readonly hasActions: boolean;
}

/** Moments that differ by less are the same: each sample takes them from two clocks. */
const sameMomentMs = 100;
/** Sizes are told in such steps: a page more or less is no news. */
const memoryStepBytes = 131_072;

/** The view of a status. */
export function viewOf(status: ServiceStatus, options: ViewOptions): ServiceView {
  const { pools, upMs: _upMs, ...rest } = status;
  const entries = pools.map((pool, order) => [pool.name, poolView(pool, order, options)] as const);
  return { ...rest, hasActions: options.hasActions, pools: Object.fromEntries(entries) };
}

/** The same as plain data. */
export function asJson(view: ServiceView): JsonObject {
  return view as unknown as JsonObject;
}

/** A URL, without its query string where that is not to be seen. */
export function shownUrl(url: string, withQuery: boolean): string {
  const at = withQuery ? -1 : url.indexOf('?');
  return at < 0 ? url : `${url.slice(0, at)}?…`;
}

function poolView(
  { lanes, durations, lastEnds, slow: _slow, ...pool }: PoolSnapshot,
  order: number,
  options: ViewOptions,
): PoolView {
  const before = options.previous?.pools[pool.name];
  const { boundsMs, wait, run } = durations;
  return {
    ...pool,
    order,
    spawnScore: Math.round(pool.spawnScore * 10) / 10,
    boundsMs,
    wait: histogramView(wait),
    run: histogramView(run),
    lanes: Object.fromEntries(lanes.map((lane) => [lane.lane, laneView(lane, before?.lanes[lane.lane], options)])),
    ends: Object.fromEntries(
      lastEnds.map((end) => [
        end.number,
        { ...end, runMs: Math.round(end.runMs), url: shownUrl(end.url, options.withQuery) },
      ]),
    ),
  };
}

function laneView(lane: LaneSnapshot, before: LaneView | undefined, { now, withQuery }: ViewOptions): LaneView {
  const { ageMs, sinceMs, runMs, ...rest } = lane;
  const isRunning = lane.request > 0;
  const isSame = before?.request === lane.request && before.pid === lane.pid && before.state === lane.state;
  return {
    ...rest,
    url: shownUrl(lane.url, withQuery),
    waitedMs: Math.round(lane.waitedMs * 10) / 10,
    cpuMs: Math.round(lane.cpuMs),
    memoryBytes: Math.round(lane.memoryBytes / memoryStepBytes) * memoryStepBytes,
    startedAt: moment(now - ageMs, isSame ? before.startedAt : null),
    since: moment(now - sinceMs, isSame ? before.since : null),
    beganAt: isRunning ? moment(now - runMs, isSame ? before.beganAt : null) : null,
    ranMs: isRunning ? null : Math.round(runMs * 10) / 10,
  };
}

function moment(at: number, before: number | null): number {
  return before !== null && Math.abs(at - before) < sameMomentMs ? before : Math.round(at);
}

function histogramView({ counts, sumMs }: DurationCounts): HistogramView {
  const entries = counts.flatMap((count, index) => (count === 0 ? [] : [[index, count] as const]));
  return { counts: Object.fromEntries(entries), sumMs: Math.round(sumMs) };
}
