// The report of one case as a table, for the terminal and for Markdown. Pure.

import { formatMetric, metrics } from '../metric.ts';
import { type CaseReport, ratioOf, referencePeer } from './case-report.ts';

/** Head and rows, as text. */
function cellsOf(report: CaseReport): string[][] {
  const { headline } = report;
  const others = report.columns.filter((column) => column !== headline);
  const labels = others.map((column) => metrics[column].label);
  const rows = report.peers.map((peer) => {
    const ratio = ratioOf(report, peer)?.toFixed(2) ?? '-';
    const figures = others.map((column) => formatMetric(column, peer.median[column]));
    return [peer.title, formatMetric(headline, peer.median[headline]), ratio, ...figures];
  });
  return [['', metrics[headline].label, `ratio to ${referencePeer}`, ...labels], ...rows];
}

/** The table with aligned columns. */
export function textTable(report: CaseReport): string {
  const cells = cellsOf(report);
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const line = (row: string[]): string =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ');
  return cells.map(line).join('\n');
}

/** The table in Markdown. */
export function markdownTable(report: CaseReport): string {
  const [head, ...rows] = cellsOf(report);
  const rule = head!.map((_, column) => (column === 0 ? '---' : '---:'));
  return [head!, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
