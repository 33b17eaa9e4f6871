// One lane's row on the scoreboard, in shared memory: its word, its times, its process, and the request that it has.
//
//   | word | whole numbers, i32 each | numbers, f64 each | method | URL | script | user |
//
// The word is changed by whoever may, by compare and exchange. The rest has one writer at a time: the lane's holder while a request runs, else
// the pool; what is measured, and why the process is stopped, is the pool's alone. Who reads a row as it changes may see parts of two requests.

import type { StopReason } from '../queue/pool-snapshot.ts';
import type { LaneState } from '../worker/state.ts';
import { type Cells, laneWord, nobody, stateOf, tagOf } from './lane-word.ts';
import type { RecycleLimits } from './release.ts';

export const stopReasons = [
  'idle',
  'max-requests',
  'max-age',
  'max-memory',
  'timeout',
  'crash',
  'protocol-error',
  'abandoned',
  'reload',
  'operator',
  'shutdown',
] as const satisfies readonly StopReason[];

const mostMethodBytes = 16;
const mostUrlBytes = 240;
const mostScriptBytes = 240;
const mostUserBytes = 48;
const narrow = {
  reason: 1,
  pid: 2,
  workerPid: 3,
  generation: 4,
  worker: 5,
  isAskedToLeave: 6,
  methodBytes: 7,
  urlBytes: 8,
  scriptBytes: 9,
  userBytes: 10,
} as const;
const wide = {
  startedAtMs: 0,
  sinceMs: 1,
  waitedMs: 2,
  beganAtMs: 3,
  ranMs: 4,
  requests: 5,
  workedMs: 6,
  memoryBytes: 7,
  cpuMs: 8,
  request: 9,
  contentLength: 10,
} as const;
const narrowCells = 12;
const wideCells = 11;
const wideFrom = narrowCells * 4;
const methodFrom = wideFrom + wideCells * 8;
const urlFrom = methodFrom + mostMethodBytes;
const scriptFrom = urlFrom + mostUrlBytes;
const userFrom = scriptFrom + mostScriptBytes;

/** Whole lines of the cache: lanes that run in two threads share none. */
export const rowBytes = Math.ceil((userFrom + mostUserBytes) / 64) * 64;

/** What tells which request it is. */
interface NamedRequest {
  readonly method: string;
  readonly url: string;
}

/** What the variables of a request say of it, as text. */
export interface AboutRequest {
  readonly script: string;
  readonly contentLength: number;
  readonly user: string;
}

export class LaneRow {
  readonly slot: number;
  readonly #cells: Cells;
  /** Where its word stands. */
  readonly #at: number;
  readonly #narrow: Int32Array;
  readonly #wide: Float64Array;
  readonly #method: Buffer;
  readonly #url: Buffer;
  readonly #script: Uint8Array;
  readonly #user: Uint8Array;

  /** @param from where in the buffer it begins */
  constructor(slot: number, buffer: SharedArrayBuffer, cells: Cells, from: number) {
    this.slot = slot;
    this.#cells = cells;
    this.#at = from / 4;
    this.#narrow = new Int32Array(buffer, from, narrowCells);
    this.#wide = new Float64Array(buffer, from + wideFrom, wideCells);
    this.#method = Buffer.from(buffer, from + methodFrom, mostMethodBytes);
    this.#url = Buffer.from(buffer, from + urlFrom, mostUrlBytes);
    this.#script = new Uint8Array(buffer, from + scriptFrom, mostScriptBytes);
    this.#user = new Uint8Array(buffer, from + userFrom, mostUserBytes);
  }

  get word(): number {
    return this.#cells.load(this.#at);
  }

  /** Changes the word from one value to another. @returns false when it is not that any more */
  swap(from: number, to: number): boolean {
    return this.#cells.swap(this.#at, from, to);
  }

  get state(): LaneState {
    return stateOf(this.word);
  }

  /** See Leased. */
  idleMs(nowMs: number): number {
    return nowMs - this.sinceMs;
  }

  /** A new lane stands here, which is `starting`. The reason of the one before it stays to be seen. */
  open(nowMs: number): void {
    const { reason } = this;
    this.#narrow.fill(0, 1);
    this.#wide.fill(0);
    if (reason !== null) this.reason = reason;
    this.sinceMs = nowMs;
    this.#cells.store(this.#at, laneWord('starting', nobody, nobody, tagOf(this.word) + 1));
  }

  /** It takes a request. Nothing is said of that yet: see `tell`. */
  begin(waitedMs: number, nowMs: number): void {
    this.#wide[wide.waitedMs] = waitedMs;
    this.#wide[wide.beganAtMs] = nowMs;
    this.#wide[wide.sinceMs] = nowMs;
    this.#wide[wide.request] = 0;
    this.#narrow[narrow.methodBytes] = 0;
    this.#narrow[narrow.urlBytes] = 0;
  }

  /**
   * What is shown of its request. Not with each request: a quarter of a second later, or when somebody looks; bytes cost more than all else here.
   * @param number 0: it does not run any more
   */
  tell({ method, url }: NamedRequest, { script, contentLength, user }: AboutRequest, number: number): void {
    this.#narrow[narrow.methodBytes] = putBytes(this.#method, method);
    this.#narrow[narrow.urlBytes] = putBytes(this.#url, url);
    this.#narrow[narrow.scriptBytes] = putText(this.#script, script);
    this.#narrow[narrow.userBytes] = putText(this.#user, user);
    this.#wide[wide.contentLength] = contentLength;
    this.#wide[wide.request] = number;
  }

  /** What was told last. */
  get about(): AboutRequest {
    return {
      script: textOf(this.#script, this.#narrow[narrow.scriptBytes]!),
      contentLength: this.#wide[wide.contentLength]!,
      user: textOf(this.#user, this.#narrow[narrow.userBytes]!),
    };
  }

  /** Why its process should be recycled as soon as its request is done; null: it should not. */
  reasonToLeave({ maxRequests, maxAgeMs, maxMemoryBytes }: RecycleLimits, nowMs: number): StopReason | null {
    if (this.isAskedToLeave) return 'operator';
    if (maxRequests > 0 && this.requests >= maxRequests) return 'max-requests';
    if (maxAgeMs > 0 && nowMs - this.startedAtMs >= maxAgeMs) return 'max-age';
    // Above the limit it goes when it is idle; far above it, the next request is not waited for.
    return maxMemoryBytes > 0 && this.memoryBytes > 2 * maxMemoryBytes ? 'max-memory' : null;
  }

  /** The number of the request that runs; 0: none does, or nobody has asked for it. */
  get request(): number {
    return this.#wide[wide.request]!;
  }

  /** The method of its request, or of the last one, as a byte string; empty: it was not told yet. */
  get method(): string {
    return bytesOf(this.#method, this.#narrow[narrow.methodBytes]!);
  }

  /** So its URL, cut where it is long. */
  get url(): string {
    return bytesOf(this.#url, this.#narrow[narrow.urlBytes]!);
  }

  /** Why its process is being stopped, or why the one before it was. */
  get reason(): StopReason | null {
    return stopReasons[this.#narrow[narrow.reason]! - 1] ?? null;
  }

  set reason(reason: StopReason) {
    this.#narrow[narrow.reason] = stopReasons.indexOf(reason) + 1;
  }

  get pid(): number {
    return this.#narrow[narrow.pid]!;
  }

  set pid(pid: number) {
    this.#narrow[narrow.pid] = pid;
  }

  get workerPid(): number {
    return this.#narrow[narrow.workerPid]!;
  }

  set workerPid(pid: number) {
    this.#narrow[narrow.workerPid] = pid;
  }

  get generation(): number {
    return this.#narrow[narrow.generation]!;
  }

  set generation(number: number) {
    this.#narrow[narrow.generation] = number;
  }

  /** The id of its worker. */
  get worker(): number {
    return this.#narrow[narrow.worker]!;
  }

  set worker(id: number) {
    this.#narrow[narrow.worker] = id;
  }

  /** Whether an operator has its process leave when its request is done. Written by the pool. */
  get isAskedToLeave(): boolean {
    return this.#narrow[narrow.isAskedToLeave] === 1;
  }

  set isAskedToLeave(isAsked: boolean) {
    this.#narrow[narrow.isAskedToLeave] = isAsked ? 1 : 0;
  }

  get startedAtMs(): number {
    return this.#wide[wide.startedAtMs]!;
  }

  set startedAtMs(atMs: number) {
    this.#wide[wide.startedAtMs] = atMs;
  }

  /** When its state changed last. */
  get sinceMs(): number {
    return this.#wide[wide.sinceMs]!;
  }

  set sinceMs(atMs: number) {
    this.#wide[wide.sinceMs] = atMs;
  }

  get waitedMs(): number {
    return this.#wide[wide.waitedMs]!;
  }

  get beganAtMs(): number {
    return this.#wide[wide.beganAtMs]!;
  }

  get ranMs(): number {
    return this.#wide[wide.ranMs]!;
  }

  set ranMs(ms: number) {
    this.#wide[wide.ranMs] = ms;
  }

  /** Requests that its process has finished. */
  get requests(): number {
    return this.#wide[wide.requests]!;
  }

  set requests(count: number) {
    this.#wide[wide.requests] = count;
  }

  /** Time that its process has spent on those. */
  get workedMs(): number {
    return this.#wide[wide.workedMs]!;
  }

  set workedMs(ms: number) {
    this.#wide[wide.workedMs] = ms;
  }

  get memoryBytes(): number {
    return this.#wide[wide.memoryBytes]!;
  }

  set memoryBytes(bytes: number) {
    this.#wide[wide.memoryBytes] = bytes;
  }

  get cpuMs(): number {
    return this.#wide[wide.cpuMs]!;
  }

  set cpuMs(ms: number) {
    this.#wide[wide.cpuMs] = ms;
  }
}

/** @returns how many bytes there was room for */
function putBytes(to: Uint8Array, text: string): number {
  const length = Math.min(text.length, to.length);
  for (let at = 0; at < length; at += 1) to[at] = text.charCodeAt(at);
  return length;
}

function putText(to: Uint8Array, text: string): number {
  return new TextEncoder().encodeInto(text, to).written;
}

function textOf(from: Uint8Array, length: number): string {
  return length === 0 ? '' : Buffer.from(from.subarray(0, length)).toString('utf8');
}

function bytesOf(from: Buffer, length: number): string {
  return from.toString('latin1', 0, length);
}
