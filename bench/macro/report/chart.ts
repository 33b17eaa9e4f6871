// The report of one case as an SVG: a bar a peer of the headline figure, and below it the processor time, server and program apart. Pure.

import { formatMetric, metrics } from '../metric.ts';
import { type CaseReport, type PeerReport, ratioOf, referencePeer } from './case-report.ts';

interface Segment {
  readonly value: number;
  readonly colour: string;
}

interface Row {
  readonly label: string;
  readonly strong: boolean;
  readonly segments: readonly Segment[];
  readonly text: string;
}

interface Panel {
  readonly title: string;
  readonly rows: readonly Row[];
}

const width = 900;
const labelWidth = 290;
const textWidth = 190;
const barHeight = 20;
const rowHeight = 28;
const headHeight = 44;
const own = '#c2410c';
const other = '#64748b';
const server = '#0f766e';
const program = '#a3b8cc';

/** Draws the chart. */
export function chartOf(report: CaseReport): string {
  const panels = [headlinePanel(report), cpuPanel(report)].filter((panel) => panel !== null);
  const title = `${report.name}: ${report.title.replaceAll('`', '')}`;
  let top = 54;
  const drawn = panels.map((panel) => {
    const text = drawPanel(panel, top);
    top += headHeight + panel.rows.length * rowHeight;
    return text;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${top + 16}" viewBox="0 0 ${width} ${top + 16}" font-family="system-ui, sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="20" y="30" font-size="${titleSize(title)}" font-weight="600" fill="#0f172a">${escapeXml(title)}</text>
${drawn.join('\n')}
</svg>
`;
}

/** Pixels: as large as the whole of it goes into the width. */
const titleSize = (title: string): number => Math.min(17, Math.floor((width - 40) / (title.length * 0.58)));

function headlinePanel(report: CaseReport): Panel {
  const { label, better } = metrics[report.headline];
  const rows = report.peers.map((peer): Row => {
    const value = peer.median[report.headline] ?? 0;
    const ratio = ratioOf(report, peer);
    const figure = formatMetric(report.headline, value);
    return {
      ...labelOf(peer),
      segments: [{ value, colour: peer.name === 'postern' ? own : other }],
      text: ratio === null ? figure : `${figure}  (${ratio.toFixed(2)} of ${referencePeer})`,
    };
  });
  return { title: `${label} (${better} is better)`, rows };
}

function cpuPanel(report: CaseReport): Panel | null {
  if (!report.columns.includes('serverMicros')) return null;
  const rows = report.peers.map((peer): Row => {
    const { serverMicros = 0, programMicros = 0 } = peer.median;
    const segments = [
      { value: serverMicros, colour: server },
      { value: programMicros, colour: program },
    ];
    const text = `${formatMetric('serverMicros', serverMicros)} + ${formatMetric('programMicros', programMicros)}`;
    return { ...labelOf(peer), segments, text };
  });
  return { title: 'processor time a request in us: server (dark) + program (light), less is better', rows };
}

function labelOf(peer: PeerReport): Pick<Row, 'label' | 'strong'> {
  return { label: peer.title, strong: peer.name === 'postern' };
}

function drawPanel(panel: Panel, top: number): string {
  const sum = (row: Row): number => row.segments.reduce((total, { value }) => total + value, 0);
  const largest = Math.max(...panel.rows.map(sum), Number.MIN_VALUE);
  const scale = (width - labelWidth - textWidth) / largest;
  const rows = panel.rows.map((row, index) => drawRow(row, top + headHeight - 12 + index * rowHeight, scale));
  const title = `<text x="20" y="${top + 18}" fill="#334155">${escapeXml(panel.title)}</text>`;
  return [title, ...rows].join('\n');
}

function drawRow(row: Row, top: number, scale: number): string {
  const baseline = top + barHeight - 5;
  let left = labelWidth;
  const bars = row.segments.map(({ value, colour }) => {
    const length = value * scale;
    const bar = `<rect x="${left.toFixed(1)}" y="${top}" width="${length.toFixed(1)}" height="${barHeight}" fill="${colour}"/>`;
    left += length;
    return bar;
  });
  const weight = row.strong ? ' font-weight="600"' : '';
  return [
    `<text x="${labelWidth - 10}" y="${baseline}" text-anchor="end" fill="#0f172a"${weight}>${escapeXml(row.label)}</text>`,
    ...bars,
    `<text x="${(left + 8).toFixed(1)}" y="${baseline}" fill="#0f172a"${weight}>${escapeXml(row.text)}</text>`,
  ].join('\n');
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
