// How text for people is laid out: styles as a parameter (a browser gets none), durations, sizes and counts, columns. Pure.

/** What a piece of text is, for whoever colours it. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan';

/** Gives a text a style. */
export type Paint = (style: Style, text: string) => string;

/** Leaves it as it is. */
export const plainPaint: Paint = (_style, text) => text;

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

/** Counts by a code, those that are not 0: "QUEUE_FULL 2, QUEUE_TIMEOUT 9". */
export function causesOf(counts: Readonly<Record<string, number>>): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  return some.map(([code, count]) => `${code} ${formatCount(count)}`).join(', ');
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

function significant(value: number): string {
  return value < 9.95 ? value.toFixed(1) : String(Math.round(value));
}

/** One column. */
export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** Whether it may be left out where the last column would have too little room. @default false */
  readonly isSpare?: boolean;
}

/** A cell: text, or text with a style. */
export type Cell = string | { readonly text: string; readonly style: Style };

/** Characters of the last column below which spare ones make room. */
const leastRoom = 20;

/**
 * A table of lines without borders: a dim line of titles, then the rows.
 * @param width no line is longer: spare columns are left out, from the right, then the last one is cut; 0: any length
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  paint: Paint = plainPaint,
  width = 0,
): string[] {
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => textOf(row[index] ?? '').length)),
  );
  const room = width - widths.slice(0, -1).reduce((sum, one) => sum + one + 2, 0);
  const spare = columns.findLastIndex(({ isSpare }) => isSpare === true);
  if (width > 0 && room < Math.min(leastRoom, widths.at(-1) ?? 0) && spare >= 0) {
    const without = <Item>(list: readonly Item[]): Item[] => list.toSpliced(spare, 1);
    return formatTable(without(columns), rows.map(without), paint, width);
  }
  const line = (cells: readonly Cell[]): string =>
    cells
      .map((cell, index) => {
        const isLast = index === columns.length - 1;
        const text = isLast && width > 0 ? cut(textOf(cell), Math.max(room, 8)) : textOf(cell);
        const space = ' '.repeat(Math.max(0, widths[index]! - text.length));
        const painted = typeof cell === 'string' ? text : paint(cell.style, text);
        if (columns[index]!.align === 'right') return space + painted;
        return isLast ? painted : painted + space;
      })
      .join('  ')
      .trimEnd();
  return [line(columns.map(({ title }) => ({ text: title, style: 'dim' }))), ...rows.map(line)];
}

const textOf = (cell: Cell): string => (typeof cell === 'string' ? cell : cell.text);

const cut = (text: string, length: number): string => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);
