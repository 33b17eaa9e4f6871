// A front thread: it listens, parses, runs the gateways of the sites and holds lanes; the main thread tells it what is in force.

import { parentPort, workerData } from 'node:worker_threads';
import { PosternError, toPosternError } from '../errors.ts';
import { SharedClientCounts } from '../front/client-counts.ts';
import { SharedLimits } from '../gateway/shared-limits.ts';
import type { Log, LogFields } from '../log.ts';
import type { PoolSnapshot } from '../queue/pool-snapshot.ts';
import type { FrontsChange, FrontsConfig } from '../sites/fronts.ts';
import type { FrontPool } from '../sites/pool-pages.ts';
import { SiteFronts } from '../sites/site-fronts.ts';
import { LoopVitals } from './loop-vitals.ts';
import { SentAccess } from './sent-access.ts';
import {
  beatMs,
  type SentError,
  type ThreadData,
  type ThreadOrder,
  type ThreadReport,
  vital,
} from './thread-messages.ts';
import { ThreadPools } from './thread-pools.ts';

/** How long the main thread may take to say how a pool is. */
const answerMs = 5_000;

const {
  index,
  mark,
  isDeveloped,
  access,
  vitals: vitalMemory,
  answers,
  clients,
  limits,
  durations,
} = workerData as ThreadData;

const say = (report: ThreadReport): void => parentPort!.postMessage(report);
const log = sentLog();
const pools = new ThreadPools(index, log, mark);
const sentAccess = access === 'none' ? null : new SentAccess(access, index, say);
const fronts = new SiteFronts({
  log,
  faults: { report: tellFault },
  onAccess: sentAccess?.take,
  isDeveloped,
  part: index === 1 ? 'first' : 'other',
  clients: new SharedClientCounts(clients, index - 1),
  limits: new SharedLimits(limits, index - 1),
  counts: new Uint32Array(answers),
  durations,
});
let change: FrontsChange | null = null;
let nextConfig: FrontsConfig | null = null;
/** By number: who waits for what the main thread says of a pool. */
const questions = new Map<number, (pool: PoolSnapshot) => void>();
let lastQuestion = 0;

// As in the main thread: an error that nothing foresaw ends no more than what it was thrown in.
process.on('uncaughtException', (error) => tellFault(error, `a timer or callback of front thread ${index}`));
parentPort!.on('message', (order: ThreadOrder) => void take(order));
beat();
say({ type: 'ready' });

async function take(order: ThreadOrder): Promise<void> {
  const { id } = order;
  try {
    say({ type: 'done', id, error: null, words: await carryOut(order) });
  } catch (thrown) {
    say({ type: 'done', id, error: sentError(thrown), words: [] });
  }
  if (order.type === 'end') parentPort!.close();
}

async function carryOut(order: ThreadOrder): Promise<readonly string[]> {
  switch (order.type) {
    case 'open':
      change = await fronts.open(order.config, order.places);
      nextConfig = order.config;
      return change.words;
    case 'prepare':
      await pools.prepare(order.pools);
      await change!.prepare(frontPools());
      return [];
    case 'commit': {
      const { pools: names, deadlineMs, id } = order;
      const committed = change!;
      change = null;
      void committed.commit(deadlineMs);
      if (nextConfig !== null) sentAccess?.use(nextConfig);
      const left = pools.commit(names, deadlineMs);
      say({ type: 'in-force', id });
      await Promise.all([committed.over(), left]);
      return [];
    }
    case 'undo':
      change?.undo();
      change = null;
      pools.undo();
      return [];
    case 'tls':
      fronts.useTls(order.tls);
      return [];
    case 'answer':
      questions.get(order.question)?.(order.pool);
      questions.delete(order.question);
      return [];
    case 'pool':
      pools.replace(order.pool);
      return [];
    case 'close':
      await fronts.close(order.deadlineMs);
      sentAccess?.flush();
      return [];
    case 'end':
      await pools.close(0);
      sentAccess?.flush();
      return [];
  }
}

/** The pools as the sites see them: what they show as a whole, the main thread knows. */
function frontPools(): ReadonlyMap<string, FrontPool> {
  const found = new Map<string, FrontPool>();
  for (const [name, place] of pools.backends) found.set(name, { backend: place.backend, snapshot: () => asked(name) });
  return found;
}

function asked(pool: string): Promise<PoolSnapshot> {
  lastQuestion += 1;
  const question = lastQuestion;
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      questions.delete(question);
      reject(new PosternError('INTERNAL', `the main thread has not said how pool ${pool} is for ${answerMs} ms`));
    }, answerMs);
    questions.set(question, (snapshot) => {
      clearTimeout(late);
      resolve(snapshot);
    });
    say({ type: 'question', question, pool });
  });
}

/** Shows the main thread that this one lives, and how it is. */
function beat(): void {
  const vitals = new Int32Array(vitalMemory);
  const loop = new LoopVitals(vitals);
  let told = '';
  let beats = 0;
  setInterval(() => {
    beats += 1;
    Atomics.store(vitals, vital.beats, beats);
    Atomics.store(vitals, vital.running, fronts.running);
    Atomics.store(vitals, vital.connections, fronts.connections);
    if (beats % 10 === 0) loop.write();
    const now = pools.told();
    const text = now.length === 0 ? '' : JSON.stringify(now);
    if (text === told) return;
    told = text;
    say({ type: 'told', pools: now });
  }, beatMs).unref();
}

function sentLog(): Log {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (fields: LogFields, message: string): void =>
      say({ type: 'log', level, fields: plainFields(fields), message });
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Errors go as their stack, functions not at all: nothing else in a field cannot be sent. */
function plainFields(fields: LogFields): LogFields {
  const plain: LogFields = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Error) plain[name] = value.stack ?? value.message;
    else if (typeof value !== 'function') plain[name] = value;
  }
  return plain;
}

function tellFault(error: unknown, where: string, fields: LogFields = {}): void {
  say({ type: 'fault', error: sentError(error), where, fields });
}

function sentError(thrown: unknown): SentError {
  const { code, message, stack, cause } = toPosternError(thrown);
  return { code, message, stack: cause instanceof Error ? cause.stack : stack };
}
