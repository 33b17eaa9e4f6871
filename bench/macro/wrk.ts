// wrk, the load generator: one thread, so that a 2-core machine has a core left for the peer.

import { runProgram } from './processes.ts';
import { programPath } from './program.ts';

/** A load. */
export interface Load {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** Bytes of a body to PUT. @default none, GET */
  readonly bodyBytes?: number;
  /** "Name: value" each. @default none but those of wrk */
  readonly fields?: readonly string[];
  readonly signal: AbortSignal;
}

/** What a load came to. */
export interface LoadResult {
  readonly requests: number;
  readonly micros: number;
  readonly bytes: number;
  readonly p50Micros: number;
  readonly p99Micros: number;
  readonly socketErrors: number;
  readonly statusErrors: number;
}

const script = new URL('wrk.lua', import.meta.url).pathname;

/** Runs wrk to its end. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const size = load.bodyBytes === undefined ? [] : ['--', String(load.bodyBytes)];
  const wrk = [programPath('wrk'), '-t', '1', '-c', String(load.connections), '-d', `${load.seconds}s`];
  const fields = (load.fields ?? []).flatMap((field) => ['-H', field]);
  const command = [...wrk, '--timeout', '10s', '-s', script, ...fields, load.url, ...size];
  const output = await runProgram(command, { folder: '/', signal: load.signal });
  const line = output.split('\n').find((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`wrk printed no result:\n${output}`);
  return JSON.parse(line) as LoadResult;
}
