// The log of `serve` on a terminal: one short line for each message that a person should see, and for each answered request.

import { formatDuration, formatSize, type Paint, type Style } from '../admin/formatting.ts';
import type { Log, LogFields } from '../log.ts';
import type { AccessRecord } from '../sites/gateways.ts';
import type { Output } from './terminal.ts';

type Level = keyof Log;

const looks: Readonly<Record<Level, { readonly rank: number; readonly style: Style }>> = {
  debug: { rank: 0, style: 'dim' },
  info: { rank: 1, style: 'dim' },
  warn: { rank: 2, style: 'yellow' },
  error: { rank: 3, style: 'red' },
};

/** A log that writes lines such as "18:20:11  warn   pool php: ...", from a level up. */
export function humanLog(output: Pick<Output, 'write' | 'paint'>, least: Level): Log {
  const write = (level: Level, fields: LogFields, message: string): void => {
    if (looks[level].rank < looks[least].rank) return;
    const named = typeof fields.pool === 'string' ? `pool ${fields.pool}` : '';
    const pool = message.includes(named) ? '' : `${named}: `;
    const { method, url } = fields;
    const request = typeof url === 'string' && !message.includes(url) ? `${method} ${url}: ` : '';
    const word = output.paint(looks[level].style, level.padEnd(5));
    // Below each other: the time and the level take 17 columns.
    const text = message.replaceAll('\n', `\n${' '.repeat(17)}`);
    output.write(`${output.paint('dim', clockTime())}  ${word}  ${pool}${request}${text}\n`);
  };
  return {
    debug: (fields, message) => write('debug', fields, message),
    info: (fields, message) => write('info', fields, message),
    warn: (fields, message) => write('warn', fields, message),
    error: (fields, message) => write('error', fields, message),
  };
}

/** "18:20:11" */
export function clockTime(at: Date = new Date()): string {
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}

/** A wait below this is not worth a word. */
const waitWorthTellingMs = 20;

/** The line, without its end. */
export function accessLine(record: AccessRecord, paint: Paint, at: Date = new Date()): string {
  const { method, url, status, durationMs, bytes, waitedMs, outcome, error } = record;
  const parts = [
    paint('dim', clockTime(at)),
    paint(styleOf(status), String(status)),
    `${method} ${url}`,
    paint('dim', formatDuration(durationMs)),
    paint('dim', formatSize(bytes)),
  ];
  if (waitedMs !== null && waitedMs >= waitWorthTellingMs)
    parts.push(paint('yellow', `waited ${formatDuration(waitedMs)}`));
  if (outcome === 'gone') parts.push(paint('yellow', 'the client left'));
  if (outcome === 'aborted') parts.push(paint('red', 'cut off'));
  if (error !== null) parts.push(paint('red', error));
  return parts.join('  ');
}

function styleOf(status: number): Style {
  if (status >= 500) return 'red';
  if (status >= 400) return 'yellow';
  return status >= 300 ? 'cyan' : 'green';
}
