// The message that `serve` and `run` begin with: where the site is, what is served, with what, and how to stop it. Pure.

import type { Paint } from '../admin/formatting.ts';
import type { ServiceStatus } from '../admin/source.ts';
import type { PoolPlan } from '../backend/plan.ts';
import { embeddedNotice } from '../php/find-php.ts';

/** What the message is made from. */
export interface BannerParts {
  readonly status: ServiceStatus;
  readonly plans: readonly PoolPlan[];
  /** What was recognised in the folder; null: it came from a configuration. */
  readonly what: string | null;
  /** More to be said, as sentences. */
  readonly notes: readonly string[];
}

/**
 * The lines, with an empty one before and after.
 * @param width columns to keep to; 0: none
 */
export function formatBanner({ status, plans, what, notes }: BannerParts, paint: Paint, width = 0): string {
  const rows: [string, string][] = [];
  for (const { site, url, address, root } of status.listeners) {
    const isOne = status.listeners.length === 1;
    rows.push([isOne ? 'site' : site, paint('cyan', paint('bold', url ?? address))]);
    if (root !== null && what !== 'application')
      rows.push(['folder', what === null ? root : `${root}  ${paint('dim', what)}`]);
  }
  for (const plan of plans) rows.push(...poolRows(plan, plans.length === 1, paint));
  if (status.admin !== null) rows.push(['admin', paint('cyan', status.admin)]);
  if (status.config !== null) rows.push(['config', status.config]);
  rows.push(['stop', 'Ctrl-C, or postern stop']);
  const warnings = [...plans.flatMap(warningsOf), ...notes];
  return [
    '',
    `  ${paint('bold', 'Postern')} ${paint('dim', status.version)}`,
    '',
    ...rows.map(([name, value]) => `  ${paint('dim', name.padEnd(9))}${value}`),
    ...(warnings.length === 0
      ? []
      : [
          '',
          ...warnings.map(
            (text) => `  ${paint('yellow', 'note')}     ${wrap(text, width).join(`\n${' '.repeat(11)}`)}`,
          ),
        ]),
    '',
    '',
  ].join('\n');
}

function poolRows(plan: PoolPlan, isOnly: boolean, paint: Paint): [string, string][] {
  const name = isOnly ? '' : `${plan.name}: `;
  const workers: [string, string] = [
    'workers',
    `${name}up to ${plan.limits.workers}, ${plan.limits.queue} requests may wait`,
  ];
  if (plan.kind === 'connect') return [['connect', `${name}${plan.servers.length} FastCGI servers`], workers];
  if (plan.kind === 'cgi') return [['cgi', `${name}one process a request`], workers];
  if (plan.php === null) return [['program', `${name}${plan.prepare().program.title ?? ''}`], workers];
  const { kind, version, path, reason } = plan.php;
  const what = kind === 'embedded' ? `${version.text}, embedded` : `${version.text}, ${path}`;
  return [['PHP', `${name}${what}  ${paint('dim', reason)}`], workers];
}

function warningsOf(plan: PoolPlan): string[] {
  const embedded = plan.kind === 'workers' && plan.php?.kind === 'embedded' ? [embeddedNotice] : [];
  return [...embedded, ...plan.warnings];
}

/** Breaks a text at spaces so that it fits beside the names. */
function wrap(text: string, width: number): string[] {
  const room = width === 0 ? Number.POSITIVE_INFINITY : Math.max(30, width - 13);
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > room) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
