// Numbers, times and states as the page shows them; the rest is Postern's own formatting.

import type { Lane } from './arrived.ts';

export { causesOf, formatCount, formatDuration, formatSize } from '../../../src/admin/formatting.ts';

/** What stands in the cell of a lane, so that its state is not told by colour alone. */
export const glyphs: Readonly<Record<Lane['state'], string>> = {
  starting: 'S',
  idle: '',
  busy: 'W',
  draining: 'D',
  stopping: 'X',
  gone: '',
};

/** A rate for people: "0", "0.4", "12", "1,204". */
export function formatRate(perSecond: number | null): string {
  if (perSecond === null) return '–';
  if (perSecond === 0) return '0';
  return perSecond < 9.95 ? perSecond.toFixed(1) : Math.round(perSecond).toLocaleString('en-US');
}

/** "14:03:22", in the time of whoever looks. */
export const clockTime = (at: number): string => new Date(at).toLocaleTimeString('en-GB');

/** "18 Dec 2026", in the time of whoever looks. */
export const formatDay = (at: number): string =>
  new Date(at).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
