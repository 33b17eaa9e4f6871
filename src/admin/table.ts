// Columns of text, aligned by their widest cell. Pure.

import { type Paint, plainPaint, type Style } from './paint.ts';

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
