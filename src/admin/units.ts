// Durations, sizes and counts in the form that people read. Pure.

/** A duration for people: "340 ms", "2.4 s", "4 min 10 s", "3 h 5 min", "2 d 4 h". */
export function formatDuration(ms: number): string {
  if (ms > 0 && ms < 1) return `${Math.round(ms * 1000)} us`;
  if (ms === 0) return '0 ms';
  if (ms < 999.5) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return pair(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  if (seconds < 86_400) return pair(Math.floor(seconds / 3_600), 'h', Math.floor((seconds % 3_600) / 60), 'min');
  return pair(Math.floor(seconds / 86_400), 'd', Math.floor((seconds % 86_400) / 3_600), 'h');
}

/** A size for people: "812 B", "14 KB", "9.5 MB", "1.2 GB". */
export function formatSize(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  for (const [unit, size] of [
    ['KB', 2 ** 10],
    ['MB', 2 ** 20],
  ] as const) {
    if (bytes < size * 999.5) return `${significant(bytes / size)} ${unit}`;
  }
  return `${significant(bytes / 2 ** 30)} GB`;
}

/** A count with commas: "1,204". */
export const formatCount = (count: number): string => count.toLocaleString('en-US');

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

function significant(value: number): string {
  return value < 9.95 ? value.toFixed(1) : String(Math.round(value));
}
