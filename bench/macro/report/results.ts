// The folder of results: a JSON and an SVG for each case that was ever run, and one Markdown page made from all of them.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { CaseReport } from './case-report.ts';
import { chartOf } from './chart.ts';
import { markdownTable } from './table.ts';

/** Where results are kept. */
export const resultsFolder = new URL('../../results/', import.meta.url).pathname;

/** Keeps the report of a case, in place of the one before it, and writes the page anew. */
export function keepReport(report: CaseReport, order: readonly string[]): void {
  mkdirSync(resultsFolder, { recursive: true });
  writeFileSync(`${resultsFolder}${report.name}.json`, `${JSON.stringify(report, roundNumber, 2)}\n`);
  writeFileSync(`${resultsFolder}${report.name}.svg`, chartOf(report));
  writeFileSync(`${resultsFolder}README.md`, pageOf(readReports(order)));
}

function readReports(order: readonly string[]): CaseReport[] {
  return readdirSync(resultsFolder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(resultsFolder + name, 'utf8')) as CaseReport)
    .sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
}

function pageOf(reports: readonly CaseReport[]): string {
  return `# Results of the bench

Written by \`npm run bench\`; each case is from the last run that had it. All peers of a case were loaded in turns in
one run, so compare within a table, not between tables. How to read it: \`docs/measurements.md\`.

${reports.map(sectionOf).join('\n')}`;
}

function sectionOf(report: CaseReport): string {
  const { rounds, seconds } = report.settings;
  const left = Object.entries(report.left).map(([name, reason]) => `- left out: ${name} (${reason})`);
  const targets = report.targets.map((sentence) => `- ${sentence.replace(/ +/g, ' ')}`);
  const notes = [...targets, ...left];
  return `## ${report.name}: ${report.title}

${report.when.slice(0, 16).replace('T', ' ')} UTC, ${report.machine}; medians of ${rounds} rounds, loads of ${seconds} s.

${markdownTable(report)}
${notes.length > 0 ? `\n${notes.join('\n')}\n` : ''}
![${report.name}](${report.name}.svg)
`;
}

/** Two digits more than any table shows. */
function roundNumber(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1e4) / 1e4 : value;
}
