// One answered request as a line for a person: "18:20:11  200  GET /index.php?p=1  12 ms  4.1 KB". Pure.

import type { Paint, Style } from '../admin/paint.ts';
import { formatDuration, formatSize } from '../admin/units.ts';
import type { AccessRecord } from '../service/gateways.ts';
import { clockTime } from './human-log.ts';

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
