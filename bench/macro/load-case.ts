// The usual case: one URL under load from wrk, with the peer's processor time and memory read around it.

import type { Case, Plan } from './case.ts';
import { runHttp2Load } from './h2load.ts';
import type { MetricName, Sample } from './metric.ts';
import type { RunningPeer } from './peer.ts';
import { treeMemory, treeUsage } from './process-tree.ts';
import type { StackShape } from './stack.ts';
import type { Target } from './target.ts';
import { runLoad } from './wrk.ts';

/** What differs between cases of this kind. */
export interface LoadCase {
  readonly name: string;
  readonly title: string;
  readonly stack?: StackShape;
  readonly path: string;
  /** Bytes of a body to PUT. @default none, GET */
  readonly bodyBytes?: number;
  /** How it is asked. @default 'http' */
  readonly by?: 'http' | 'https' | 'http2';
  /** "Name: value" each. */
  readonly fields?: readonly string[];
  /** @default 'requestsPerSecond' */
  readonly headline?: MetricName;
  /** Quantities besides the usual ones. */
  readonly columns?: readonly MetricName[];
  readonly targets: readonly Target[];
  /** See Case. */
  readonly warmUpSeconds?: number;
}

const usualColumns = [
  'requestsPerSecond',
  'p50Ms',
  'p99Ms',
  'serverMicros',
  'serverUserMicros',
  'serverSystemMicros',
  'programMicros',
  'serverMegabytes',
  'programMegabytes',
  'errors',
] as const;

/** Makes a case that loads one URL. */
export function loadCase(settings: LoadCase): Case {
  return {
    name: settings.name,
    title: settings.title,
    stack: settings.stack ?? {},
    readyPath: settings.bodyBytes === undefined ? settings.path : '/hello.php',
    headline: settings.headline ?? 'requestsPerSecond',
    columns: [...(settings.columns ?? []), ...usualColumns],
    targets: settings.targets,
    warmUp: (running, plan) => measureLoad(running, plan, settings),
    ...(settings.warmUpSeconds !== undefined && { warmUpSeconds: settings.warmUpSeconds }),
    measure: (running, plan) => measureLoad(running, plan, settings),
  };
}

/** Loads one URL of a peer and reads what it cost. */
export async function measureLoad(
  running: RunningPeer,
  plan: Plan,
  settings: Pick<LoadCase, 'path' | 'bodyBytes' | 'by' | 'fields'> & { readonly connections?: number },
): Promise<Sample> {
  const { by = 'http', fields = [] } = settings;
  const origin = by === 'http' ? running.origin : `https://127.0.0.1:${running.stack.secure?.port}`;
  const before = treeUsage(running.roots);
  const run = by === 'http2' ? runHttp2Load : runLoad;
  const result = await run({
    url: origin + settings.path,
    fields,
    connections: settings.connections ?? running.stack.connections,
    seconds: plan.seconds,
    ...(settings.bodyBytes !== undefined && { bodyBytes: settings.bodyBytes }),
    signal: plan.signal,
  });
  const after = treeUsage(running.roots);
  const memory = treeMemory(running.roots);
  const seconds = result.micros / 1e6;
  const serverMicros = after.serverMicros - before.serverMicros;
  const serverUserMicros = after.serverUserMicros - before.serverUserMicros;
  const bytes = result.bytes + result.requests * (settings.bodyBytes ?? 0);
  return {
    requestsPerSecond: result.requests / seconds,
    megabytesPerSecond: bytes / 1e6 / seconds,
    p50Ms: result.p50Micros / 1000,
    p99Ms: result.p99Micros / 1000,
    serverMicros: serverMicros / result.requests,
    serverUserMicros: serverUserMicros / result.requests,
    serverSystemMicros: (serverMicros - serverUserMicros) / result.requests,
    programMicros: (after.programMicros - before.programMicros) / result.requests,
    serverMegabytes: memory.serverBytes / 1e6,
    programMegabytes: memory.programBytes / 1e6,
    totalMegabytes: (memory.serverBytes + memory.programBytes) / 1e6,
    errors: result.socketErrors + result.statusErrors,
  };
}
