// The lanes that one thread of a pool holds: it gives them to the thread's queue, without asking anybody, and passes them on by `leases.ts`.
//
// What a lane's end means for its process is the pool's to decide: the holder tells it (`HolderOwner`) whatever is more than "next, please".

import type { Clock } from '../clock.ts';
import type { EndedRequest } from '../connection/client-exchange.ts';
import type { ErrorCode } from '../errors.ts';
import { aboutRequest, type StopReason } from '../queue/pool-snapshot.ts';
import { Queue } from '../queue/queue.ts';
import type { SeatOutcome, SeatProvider, SeatSeeker, Then } from '../queue/seat.ts';
import type { LaneEvents, LaneHandle } from '../worker/lane-handle.ts';
import type { LaneProcess } from '../worker/lane-process.ts';
import { lookAtProcess } from '../worker/process-look.ts';
import type { Program } from '../worker/program.ts';
import {
  type Held,
  type HolderOptions,
  type HolderOwner,
  isLive,
  isOurs,
  type LaneSource,
  lostRequest,
  writeProcess,
} from './lane-owner.ts';
import type { LaneRow } from './lane-row.ts';
import { freeLane, holderOf, nobody, stateOf, tagOf, takeLane, takerOf } from './lane-word.ts';
import { Leases } from './leases.ts';
import { verdictOn } from './release.ts';
import { SecondLook } from './second-look.ts';
import { type WaitingBoard, WaitingRoom } from './waiting-board.ts';

export class LaneHolder implements SeatProvider<LaneHandle>, LaneEvents {
  readonly queue: Queue<LaneHandle>;
  readonly words = { seat: 'lane', limit: 'workers' };
  /** Of its thread. */
  readonly #index: number;
  readonly #waiting: WaitingBoard;
  readonly #leases: Leases<LaneRow>;
  readonly #owner: HolderOwner;
  readonly #clock: Clock;
  readonly #secondLook: SecondLook;
  /** By slot. */
  readonly #held: (Held | undefined)[] = [];
  /** Slots that a request has left, the last one on top: that is taken first, so that a lane which traffic never needs keeps sharing its parent's pages. */
  readonly #used: number[] = [];
  /** Workers by their ids. */
  readonly #sources = new Map<number, LaneSource>();
  /** Those that have finished a request here. */
  readonly #worked = new Set<number>();
  /** Programs that left a request on a kept connection unread: theirs are not kept any more. */
  #unread: WeakSet<Program> | null = null;
  /** Whether lanes were asked for, for a request that is about to wait and those before it: they may be there to be taken at once. */
  #hasAsked = false;
  readonly #isKnown = (row: LaneRow): boolean => this.#sources.has(row.worker);

  constructor(options: HolderOptions) {
    const { name, index, limits, board, waiting, books, running, ring, owner, clock, log } = options;
    this.#owner = owner;
    this.#clock = clock;
    this.#index = index;
    this.#waiting = waiting;
    this.#leases = new Leases({ own: index, board, waiting, ring, clock });
    const room = new WaitingRoom(waiting, index, running, board);
    this.queue = new Queue({ name, provider: this, limits, room, books, clock, log, look: lookAtProcess });
    this.#secondLook = new SecondLook(clock, this, () => this.#lookAgain());
  }

  /** A worker's lanes may be used here from now on. */
  know(worker: number, source: LaneSource): void {
    this.#sources.set(worker, source);
  }

  /** A worker has gone. A request may not know that yet. */
  forget(worker: number): void {
    this.#sources.delete(worker);
    this.#worked.delete(worker);
    for (const held of this.#held) if (held?.worker === worker && !this.#runs(held)) this.#drop(held);
  }

  /** The lane on a slot, made if need be. */
  laneOn(row: LaneRow): LaneHandle {
    return this.#holdOf(row, tagOf(row.word)).lane;
  }

  /** Puts what is shown of requests besides their URLs onto the board. To be called now and then, or when somebody looks. */
  describeRequests(): void {
    const numbers = new Map<unknown, number>();
    for (const attempt of this.queue.attempts()) numbers.set(attempt.seat, this.queue.numbers.of(attempt));
    for (const held of this.#held) {
      if (held === undefined || held.request === null || !isOurs(held, this.#index)) continue;
      this.#tell(held, numbers.get(held.lane) ?? 0);
      held.request = null;
    }
  }

  /** The process of a lane has ended, though something holds its connection open. */
  breakLane(row: LaneRow): void {
    const held = this.#held[row.slot];
    if (held !== undefined && this.#runs(held)) held.lane.break();
  }

  /** Looks at the board, since somebody has rung: lets go of what is not ours any more, takes what is kept for us, and passes on what is not needed. */
  look(): void {
    for (const held of this.#held) if (held !== undefined) this.#settle(held);
    this.serve();
    this.match();
    if (!this.#waiting.isAlone) this.#secondLook.wait();
  }

  /** Brings free lanes and those that wait in any thread together. */
  match(): void {
    if (this.#leases.match()) this.serve();
  }

  /** Serves those that wait here, and gives up what is kept for more than those. */
  serve(): void {
    do this.queue.serve();
    while (this.#leases.decline() && this.#leases.match());
  }

  /** The pool has ended a lane: its connection is closed. Another may have its slot by now, and a request run on that. */
  closeLane(row: LaneRow): void {
    const held = this.#held[row.slot];
    if (held === undefined) return;
    this.#settle(held);
    this.serve();
  }

  /** Closes the connection of a lane that others may take from now on. */
  disconnect(row: LaneRow): void {
    const held = this.#held[row.slot];
    if (held !== undefined) this.#close(held);
  }

  /** Gives back all lanes on which nothing runs. */
  giveAll(): void {
    this.#secondLook.close();
    for (const held of this.#held) {
      if (held === undefined || this.#runs(held)) continue;
      this.#close(held);
      this.#leases.letGo(held.row);
    }
    this.serve();
    this.match();
  }

  /** See SeatProvider. */
  take(seeker: SeatSeeker): LaneHandle | null {
    for (let slot = this.#used.pop(); slot !== undefined; slot = this.#used.pop()) {
      const held = this.#held[slot];
      if (held === undefined) continue;
      const { row, tag } = held;
      if (tagOf(row.word) === tag && takeLane(row, this.#index)) return this.#begin(held, seeker);
      this.#settle(held);
    }
    const row = this.#leases.find(this.#isKnown);
    return row === null ? null : this.#begin(this.#holdOf(row, tagOf(row.word)), seeker);
  }

  /** See SeatProvider. */
  giveBack(lane: LaneHandle, outcome: SeatOutcome, next: Then): void {
    const held = this.#held[lane.slot];
    if (held === undefined || held.lane !== lane || !this.#runs(held)) return;
    const { row, worker, source } = held;
    const nowMs = this.#clock.now();
    const ranMs = nowMs - row.beganAtMs;
    row.ranMs = ranMs;
    // A complete answer leaves no question about its process.
    const verdict = outcome.code === null && outcome.isDone ? 'keep' : verdictOn(outcome);
    let reason: StopReason | null = null;
    if (verdict === 'keep') {
      const { process } = lane;
      if (process !== null) {
        process.requests += 1;
        process.workedMs += ranMs;
      }
      row.requests = process?.requests ?? row.requests + 1;
      row.workedMs = process?.workedMs ?? row.workedMs + ranMs;
      if (!this.#worked.has(worker)) {
        this.#worked.add(worker);
        this.#owner.worked(worker);
      }
      reason = row.reasonToLeave(source.limits, nowMs);
      // The usual way back is no event.
      if (reason === null && this.#free(held, nowMs)) return;
    }
    const lost = verdict === 'lost' ? lostRequest(held, ranMs, next) : null;
    this.#tell(held, 0);
    this.#owner.released(row, { verdict, reason, lost });
  }

  /** See SeatProvider. What began to wait was written; whoever has freed a lane in another thread meanwhile did not see it. */
  wanted(waiting: number, refused: number): void {
    if (waiting > 0 && !this.#waiting.isAlone) this.match();
    if (this.#hasAsked) this.serve();
    this.#hasAsked = false;
    if (!this.#waiting.isAlone) this.#secondLook.wait();
    if (refused > 0 || this.queue.waiting > 0) this.#owner.wanted(refused);
  }

  /** See SeatProvider. */
  isComing(beyond: number): boolean {
    this.#hasAsked = true;
    return this.#leases.ask(beyond);
  }

  /** See SeatProvider. */
  get starting(): number {
    return this.#leases.starting;
  }

  /** See SeatProvider. A worker that takes no connection says nothing of the others. */
  hasOther(_seeker: SeatSeeker, code: ErrorCode): boolean {
    return code === 'CONNECT_FAILED';
  }

  /** See LaneEvents. */
  laneKnown(lane: LaneHandle): void {
    const held = this.#held[lane.slot];
    if (held?.lane !== lane || !isLive(held)) return;
    writeProcess(held, lane.process);
    this.#owner.known(held.row, lane.process);
  }

  /** See LaneEvents. */
  laneLost(lane: LaneHandle, process: LaneProcess): void {
    const held = this.#held[lane.slot];
    if (held?.lane !== lane || !isLive(held)) return;
    const { row } = held;
    // Lanes that have a connection are taken before it.
    this.#withdraw(row.slot);
    writeProcess(held, null);
    this.#owner.lost(row, process);
    this.#leases.letGo(row);
    this.serve();
  }

  /** See LaneEvents. */
  laneForeign(lane: LaneHandle, pid: number): void {
    const held = this.#held[lane.slot];
    if (held !== undefined) this.#owner.foreign(held.row, pid);
  }

  /** See LaneEvents. */
  laneAnonymous(program: Program): void {
    this.#owner.anonymous(program);
  }

  /** See LaneEvents. */
  laneStraggled({ pid }: LaneHandle, of: EndedRequest | null): void {
    this.#owner.straggled(pid, of);
  }

  /** See LaneEvents. */
  laneSilent({ pid }: LaneHandle, program: Program, isResent: boolean): void {
    if (this.#unread?.has(program) === true) return;
    this.#unread ??= new WeakSet();
    this.#unread.add(program);
    this.#owner.silent(pid, program, isResent);
  }

  /** See LaneEvents. */
  isReused(program: Program): boolean {
    return this.#unread === null || !this.#unread.has(program);
  }

  #begin(held: Held, { request, waitedMs }: SeatSeeker): LaneHandle {
    held.request = request;
    held.row.begin(waitedMs, this.#clock.now());
    return held.lane;
  }

  #tell({ request, row }: Held, number: number): void {
    if (request === null) return;
    row.tell(request, aboutRequest(request.environment), number);
  }

  /** A lane whose request has ended goes to whoever has waited longest, and else stays. @returns false when it is to drain */
  #free({ lane, row }: Held, nowMs: number): boolean {
    const { queue } = this;
    row.sinceMs = nowMs;
    const { isConnected } = lane;
    const isShared = !this.#waiting.isAlone;
    if (isShared) {
      const heir = this.#leases.heir(queue.waitingSinceMs, isConnected ? this.#secondLook.mostWaiting : null);
      if (heir !== nobody) {
        this.#close(this.#held[row.slot]!);
        return this.#leases.pass(row, heir);
      }
    }
    if (!freeLane(row, this.#index, isConnected)) return false;
    this.#used.push(row.slot);
    // Whoever began to wait since was not seen before, and did not see the lane. Who sees one that is held looks again.
    if (isShared && !isConnected && queue.waiting === 0) this.match();
    return true;
  }

  #lookAgain(): void {
    this.#waiting.noteAgain(this.#index, this.queue);
    this.match();
    if (this.queue.waiting > 0) this.#owner.wanted(0);
  }

  /** Lets go of a lane that is not ours any more, or is kept for another. */
  #settle(held: Held): void {
    const { row, tag } = held;
    const { word } = row;
    const state = stateOf(word);
    if (tagOf(word) !== tag || state === 'gone') {
      this.#drop(held);
      return;
    }
    if (state === 'starting' || this.#runs(held)) return;
    const isOf = (index: number): boolean => index === this.#index || index === nobody;
    if (state === 'idle' && isOf(holderOf(word)) && isOf(takerOf(word))) return;
    if (state === 'idle') this.#close(held);
    else held.lane.close();
    this.#withdraw(row.slot);
    this.#leases.letGo(row);
  }

  /** Closes the connection of a lane that goes on: nobody is to take the process behind it for that of the lane any more. */
  #close(held: Held): void {
    if (!held.lane.isConnected) return;
    held.lane.close();
    writeProcess(held, null);
    this.#owner.known(held.row, null);
  }

  #holdOf(row: LaneRow, tag: number): Held {
    const before = this.#held[row.slot];
    if (before?.tag === tag) return before;
    if (before !== undefined) this.#drop(before);
    const source = this.#sources.get(row.worker)!;
    const lane = source.addLane(this);
    lane.slot = row.slot;
    const held: Held = { lane, row, tag, worker: row.worker, source, request: null };
    this.#held[row.slot] = held;
    return held;
  }

  #drop(held: Held): void {
    const { slot } = held.row;
    held.lane.close();
    this.#withdraw(slot);
    if (this.#held[slot] === held) this.#held[slot] = undefined;
  }

  #withdraw(slot: number): void {
    const at = this.#used.lastIndexOf(slot);
    if (at >= 0) this.#used.splice(at, 1);
  }

  /** Whether a request of ours runs on it. */
  #runs({ row, tag }: Held): boolean {
    const { word } = row;
    const state = stateOf(word);
    return (state === 'busy' || state === 'draining') && tagOf(word) === tag && holderOf(word) === this.#index;
  }
}
