// Many clients at once, each with a connection of its own: unlike wrk, they tell refusals from answers and wait before they try again.

import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the clients do. */
export interface CrowdPlan {
  readonly url: string;
  readonly clients: number;
  /** How long they go on; 0: one request each. */
  readonly seconds: number;
  /** How long a client waits after it was refused or failed. @default 250 */
  readonly pauseMs?: number;
  /** A response header whose different values are collected, in lower case. */
  readonly header?: string;
  /** The crowd leaves early once this is true. */
  readonly enough?: (result: CrowdResult) => boolean;
  readonly signal: AbortSignal;
}

/** What they got. */
export interface CrowdResult {
  /** Durations of the answers with status 200. */
  readonly answeredMs: number[];
  /** Durations of the answers with status 503. */
  readonly refusedMs: number[];
  /** Other statuses and broken connections, by what they were. */
  readonly failed: Map<string, number>;
  readonly headers: Set<string>;
  /** From the beginning to the first answer with status 200; NaN: there was none. */
  firstMs: number;
  /** From the beginning to the last outcome. */
  lastMs: number;
}

interface Outcome {
  readonly kind: string;
  readonly header: string;
}

const answerLimitMs = 30_000;

/** Sends the crowd, and returns when its last client is done. */
export async function sendCrowd(plan: CrowdPlan): Promise<CrowdResult> {
  const result: CrowdResult = {
    answeredMs: [],
    refusedMs: [],
    failed: new Map(),
    headers: new Set(),
    firstMs: Number.NaN,
    lastMs: 0,
  };
  const began = performance.now();
  const agent = new Agent({ keepAlive: true, maxSockets: plan.clients });
  try {
    await Promise.all(Array.from({ length: plan.clients }, () => visit(plan, agent, began, result)));
  } finally {
    agent.destroy();
  }
  return result;
}

/** How many outcomes were neither an answer nor a refusal. */
export function failedCount(result: CrowdResult): number {
  return [...result.failed.values()].reduce((sum, count) => sum + count, 0);
}

/** The value below which `share` (0 to 1) of the values lie. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}

async function visit(plan: CrowdPlan, agent: Agent, began: number, result: CrowdResult): Promise<void> {
  const end = began + plan.seconds * 1000;
  do {
    const asked = performance.now();
    const outcome = await ask(plan, agent);
    const now = performance.now();
    account(result, outcome, now - asked, now - began);
    if (plan.enough?.(result) === true) return;
    if (outcome.kind !== '200' && now < end) await sleep(plan.pauseMs ?? 250);
  } while (performance.now() < end && !plan.signal.aborted);
}

function account(result: CrowdResult, outcome: Outcome, tookMs: number, sinceMs: number): void {
  result.lastMs = sinceMs;
  if (outcome.header !== '') result.headers.add(outcome.header);
  if (outcome.kind === '200') {
    if (result.answeredMs.length === 0) result.firstMs = sinceMs;
    result.answeredMs.push(tookMs);
  } else if (outcome.kind === '503') {
    result.refusedMs.push(tookMs);
  } else {
    result.failed.set(outcome.kind, (result.failed.get(outcome.kind) ?? 0) + 1);
  }
}

function ask(plan: CrowdPlan, agent: Agent): Promise<Outcome> {
  return new Promise((resolve) => {
    const fail = (error: NodeJS.ErrnoException): void => resolve({ kind: error.code ?? error.message, header: '' });
    const request = get(plan.url, { agent, timeout: answerLimitMs }, (response) => {
      const header = plan.header === undefined ? '' : String(response.headers[plan.header] ?? '');
      response.on('error', fail);
      response.on('end', () => resolve({ kind: String(response.statusCode), header }));
      response.resume();
    });
    request.on('timeout', () => request.destroy(new Error('no answer within 30 s')));
    request.on('error', fail);
  });
}
