// A front thread as the main thread sees it: started, told what to do, watched, and ended.

import { extname } from 'node:path';
import { type MessagePort, Worker } from 'node:worker_threads';
import type { ThreadLoad } from '../admin/source.ts';
import { PosternError } from '../errors.ts';
import {
  loopResolutionMs,
  type OrderBody,
  type SentError,
  type ThreadData,
  type ThreadReport,
  vital,
} from './thread-messages.ts';

const beginning = new URL('../../bin/front-thread.js', import.meta.url);
/** As TypeScript from a checkout, as JavaScript when built. */
const entry = new URL(`./front-thread-entry${extname(import.meta.url)}`, import.meta.url);

/**
 * Most of what a request makes is garbage at its end. V8 would let it grow to tens of megabytes in each thread before it looks, and gives none of
 * that back (decision 033).
 */
const maxYoungGenerationSizeMb = 12;

/** `starting`: it has not said yet that it is there. `leaving`: it was asked to end. */
type ThreadState = 'starting' | 'serving' | 'leaving' | 'gone';

const moves: Readonly<Record<ThreadState, readonly ThreadState[]>> = {
  starting: ['serving', 'leaving', 'gone'],
  serving: ['leaving', 'gone'],
  leaving: ['gone'],
  gone: [],
};

/** What its owner hears. */
export interface ThreadEvents {
  /** Anything but answers to orders. */
  told(report: ThreadReport): void;
  /** It is no more, and had not been asked to end. */
  lost(thread: FrontThread, why: string): void;
}

/** An order that is not answered yet. */
interface Asked {
  readonly resolve: (words: readonly string[]) => void;
  readonly reject: (error: PosternError) => void;
  readonly onInForce: (() => void) | null;
}

export class FrontThread {
  readonly index: number;
  /** Resolves when it takes orders. @throws INTERNAL */
  readonly ready: Promise<void>;
  readonly #vitals: Int32Array;
  readonly #worker: Worker;
  readonly #events: ThreadEvents;
  readonly #begun = Promise.withResolvers<void>();
  readonly #gone = Promise.withResolvers<void>();
  readonly #asked = new Map<number, Asked>();
  #state: ThreadState = 'starting';
  #lastId = 0;
  #beats = -1;
  #beatAtMs = 0;
  #error: Error | null = null;

  constructor(data: ThreadData, events: ThreadEvents) {
    this.index = data.index;
    this.#events = events;
    this.#vitals = new Int32Array(data.vitals);
    this.ready = this.#begun.promise;
    // Whoever waits for it hears it, too.
    this.ready.catch(() => {});
    const name = `front ${data.index}`;
    // Options of the command line may be of the program that embeds us, such as -e; those of NODE_OPTIONS hold in threads, too.
    this.#worker = new Worker(beginning, {
      workerData: { ...data, entry: entry.href },
      name,
      execArgv: [],
      resourceLimits: { maxYoungGenerationSizeMb },
    });
    this.#worker.on('message', (report: ThreadReport) => this.#take(report));
    this.#worker.on('error', (error: Error) => {
      this.#error = error;
    });
    this.#worker.on('exit', (code) => this.#ended(this.#error?.message ?? `its exit code was ${code}`));
  }

  get isServing(): boolean {
    return this.#state === 'serving';
  }

  get running(): number {
    return this.#state === 'gone' ? 0 : Atomics.load(this.#vitals, vital.running);
  }

  /** What it is busy with. */
  get load(): ThreadLoad {
    const millionths = (cell: number): number => Atomics.load(this.#vitals, cell) / 1e6;
    return {
      thread: this.index,
      utilization: millionths(vital.loopBusyPpm),
      delayP50S: millionths(vital.loopDelayP50Us),
      delayP99S: millionths(vital.loopDelayP99Us),
      delayMaxS: millionths(vital.loopDelayMaxUs),
      connections: Atomics.load(this.#vitals, vital.connections),
    };
  }

  /** The longest delay of its event loop within a second, lately, in milliseconds. */
  get loopDelayMs(): number {
    return Math.max(0, Atomics.load(this.#vitals, vital.loopDelayMs) - loopResolutionMs);
  }

  /**
   * Tells it to do something.
   * @param ports what goes over to it
   * @param onInForce for `commit`
   * @returns its words, once it is done
   * @throws what it failed with; INTERNAL when the thread ends before
   */
  ask(
    order: OrderBody,
    ports: readonly MessagePort[] = [],
    onInForce: (() => void) | null = null,
  ): Promise<readonly string[]> {
    if (this.#state === 'gone') return Promise.reject(this.#lostError());
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = new Promise<readonly string[]>((resolve, reject) => {
      this.#asked.set(id, { resolve, reject, onInForce });
    });
    this.#worker.postMessage({ ...order, id }, [...ports]);
    return answer;
  }

  /** How long its event loop has not turned, in milliseconds. To be asked for now and then: it is measured from call to call. */
  stillMs(nowMs: number): number {
    const beats = Atomics.load(this.#vitals, vital.beats);
    if (beats !== this.#beats || this.#state !== 'serving') {
      this.#beats = beats;
      this.#beatAtMs = nowMs;
    }
    return nowMs - this.#beatAtMs;
  }

  /** Where it is busy at this moment: the function that it spent most of the time in; null: this Node cannot tell. */
  async whereabouts(): Promise<string | null> {
    const { startCpuProfile } = this.#worker as { startCpuProfile?: () => Promise<{ stop(): Promise<string> }> };
    if (startCpuProfile === undefined) return null;
    const profile = await startCpuProfile.call(this.#worker);
    await new Promise((resolve) => setTimeout(resolve, profileMs));
    return busiest(await profile.stop());
  }

  /** It is to end by itself; nothing is said of its end any more. Resolves when it has. */
  async leave(): Promise<void> {
    if (this.#state === 'gone') return;
    if (this.#state !== 'leaving') this.#move('leaving');
    await this.ask({ type: 'end' }).catch(() => {});
    await this.end();
  }

  /** Ends it at once, with what runs in it. Repeatable. */
  async end(): Promise<void> {
    if (this.#state === 'starting' || this.#state === 'serving') this.#move('leaving');
    await this.#worker.terminate();
    await this.#gone.promise;
  }

  /** Ends it at once, and has its owner told that it was lost. */
  kill(why: string): void {
    this.#error = new Error(why);
    void this.#worker.terminate();
  }

  #take(report: ThreadReport): void {
    if (report.type === 'ready') {
      if (this.#state === 'starting') this.#move('serving');
      this.#begun.resolve();
    } else if (report.type === 'in-force') {
      this.#asked.get(report.id)?.onInForce?.();
    } else if (report.type === 'done') {
      const asked = this.#asked.get(report.id);
      this.#asked.delete(report.id);
      if (report.error === null) asked?.resolve(report.words);
      else asked?.reject(errorOf(report.error));
    } else {
      this.#events.told(report);
    }
  }

  #ended(why: string): void {
    const wasAsked = this.#state === 'leaving';
    this.#move('gone');
    const error = this.#lostError();
    this.#begun.reject(error);
    for (const { reject } of this.#asked.values()) reject(error);
    this.#asked.clear();
    this.#gone.resolve();
    if (!wasAsked) this.#events.lost(this, why);
  }

  #lostError(): PosternError {
    return new PosternError(
      'INTERNAL',
      `front thread ${this.index} has ended: ${this.#error?.message ?? 'it was asked to'}`,
    );
  }

  #move(to: ThreadState): void {
    if (!moves[this.#state].includes(to))
      throw new Error(`front thread ${this.index} cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}

/** How long a thread that does not answer is looked at. */
const profileMs = 100;

/** The calls that lead to where most samples of a CPU profile were taken, the innermost first. */
function busiest(profile: string): string | null {
  interface ProfileNode {
    readonly id: number;
    readonly hitCount?: number;
    readonly children?: readonly number[];
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }
  const { nodes } = JSON.parse(profile) as { readonly nodes: readonly ProfileNode[] };
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node] as const)));
  const real = nodes.filter(({ callFrame }) => callFrame.url !== '');
  let node: ProfileNode | undefined = real.toSorted((a, b) => (b.hitCount ?? 0) - (a.hitCount ?? 0))[0];
  const lines: string[] = [];
  for (; node !== undefined && node.callFrame.url !== ''; node = parents.get(node.id)) {
    const { functionName, url, lineNumber } = node.callFrame;
    lines.push(`at ${functionName || '<anonymous>'} (${url}:${lineNumber + 1})`);
  }
  return lines.length === 0 ? null : lines.join('\n');
}

/** An error that a thread has sent, with the stack that it had there. */
export function errorOf({ code, message, stack }: SentError): PosternError {
  return Object.assign(new PosternError(code, message), { stack });
}
