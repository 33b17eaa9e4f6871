// h2load, nghttp2's load generator: HTTP/2 on kept connections, with ten requests at a time on each, from one thread.

import { runProgram } from './processes.ts';
import { programPath } from './program.ts';
import type { Load, LoadResult } from './wrk.ts';

const requestsAtATime = 10;

/** Runs h2load to its end. It tells no percentiles. */
export async function runHttp2Load(load: Load): Promise<LoadResult> {
  const fields = (load.fields ?? []).flatMap((field) => ['-H', field]);
  const shape = ['-t', '1', '-c', String(load.connections), '-m', String(requestsAtATime), '-D', String(load.seconds)];
  const command = [programPath('h2load'), ...shape, ...fields, load.url];
  return parseHttp2Load(await runProgram(command, { folder: '/', signal: load.signal }));
}

/** What it printed. @throws where that holds no result */
export function parseHttp2Load(output: string): LoadResult {
  const number = (pattern: RegExp): number => {
    const found = pattern.exec(output)?.[1];
    if (found === undefined) throw new Error(`h2load printed no result:\n${output}`);
    return Number(found);
  };
  const done = number(/requests: .* (\d+) done/);
  const failed = number(/ (\d+) failed,/);
  const good = number(/status codes: (\d+) 2xx/);
  const perSecond = number(/finished in .*, ([\d.]+) req\/s/);
  // "8.12MB (8514560) total"
  const bytes = number(/traffic: \S+ \((\d+)\) total/);
  return {
    requests: done,
    micros: (done / perSecond) * 1e6,
    bytes,
    p50Micros: Number.NaN,
    p99Micros: Number.NaN,
    socketErrors: failed,
    statusErrors: done - failed - good,
  };
}
