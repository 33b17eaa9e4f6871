// What the loads on one contender came to, and the table of all.

import { median } from '../macro/metric.ts';

/** How nginx treats its connections to the program. */
export type Connections = 'close' | 'keep';

/** One contender with one kind of connections. */
export interface Score {
  readonly name: string;
  readonly title: string;
  readonly connections: Connections;
  readonly requestsPerSecond: number[];
  /** Processor time of the program's processes, in microseconds a request. */
  readonly cpuMicros: number[];
}

/** The table, with ratios to the contender of that name, which keeps no connections. */
export function formatScores(scores: readonly Score[], reference: string): string {
  const base = scores.find(({ name, connections }) => name === reference && connections === 'close');
  const rows = scores.map((score) => {
    const rate = median(score.requestsPerSecond);
    const cpu = median(score.cpuMicros);
    const ratios =
      base === undefined
        ? ['-', '-']
        : [(rate / median(base.requestsPerSecond)).toFixed(2), (median(base.cpuMicros) / cpu).toFixed(2)];
    return [score.title, score.connections, Math.round(rate).toLocaleString('en'), cpu.toFixed(1), ...ratios];
  });
  const head = ['', 'connections', 'requests/s', 'CPU us', 'requests/s', 'per CPU s'];
  const line = ([title, ...cells]: string[]): string =>
    `${title!.padEnd(38)}${cells.map((cell) => cell.padStart(13)).join('')}\n`;
  return `${`${''.padEnd(38)}${''.padStart(39)}`}   times ${reference}\n${[head, ...rows].map(line).join('')}`;
}
