// Seats without a program behind them, which a test answers, breaks and ends by hand.

import { type ErrorCode, PosternError } from '../../src/errors.ts';
import type { CgiRequest, Progress } from '../../src/protocol/cgi/exchange.ts';
import type { ProcessEnd, Seat, SeatOutcome, SeatProvider, SeatSeeker, SeatUser, Then } from '../../src/queue/seat.ts';

export class FakeSeat implements Seat {
  progress: Progress = 'unsent';
  processEnd: ProcessEnd | null = null;
  discardedBytes = 0;
  awaitsBody = false;
  readonly pid: number;
  request: CgiRequest | null = null;
  user: SeatUser | null = null;
  isAborted = false;

  constructor(pid: number) {
    this.pid = pid;
  }

  run(request: CgiRequest, user: SeatUser): void {
    if (request.environment.TOO_LARGE !== undefined) throw new PosternError('PARAMS_TOO_LARGE', 'too large');
    this.progress = 'sent';
    this.processEnd = null;
    this.discardedBytes = 0;
    this.isAborted = false;
    this.request = request;
    this.user = user;
  }

  resume(): void {}

  lookForSilence(_nowMs: number, _silentMs: number): boolean {
    return false;
  }

  abort(): void {
    this.isAborted = true;
  }

  /** A complete answer. */
  answer(text = 'hello'): void {
    this.progress = 'answered';
    if (!this.isAborted) {
      this.user?.head({ status: 200, reason: '', headers: [] });
      this.user?.write(Buffer.from(text));
      this.user?.end();
    }
    this.#release({ code: null, isDone: true, isAborted: this.isAborted });
  }

  /** It ends in an error. */
  fail(code: ErrorCode, isDone = false): void {
    if (!this.isAborted) this.user?.fail(new PosternError(code, 'broken'));
    this.#release({ code, isDone, isAborted: this.isAborted });
  }

  #release(outcome: SeatOutcome): void {
    const user = this.user;
    this.user = null;
    this.request = null;
    user?.released(outcome);
  }
}

/** A provider of so many seats, all of them free at first. */
export class FakeSeats implements SeatProvider<FakeSeat> {
  readonly words = { seat: 'lane', limit: 'workers' };
  readonly seats: FakeSeat[];
  readonly free: FakeSeat[];
  readonly given: { readonly outcome: SeatOutcome; readonly next: Then }[] = [];
  readonly asked: { readonly waiting: number; readonly refused: number }[] = [];
  /** Whether another place is there for what failed. */
  others = false;

  constructor(count: number) {
    this.seats = Array.from({ length: count }, (_, index) => new FakeSeat(1000 + index));
    this.free = [...this.seats];
  }

  take(_seeker: SeatSeeker): FakeSeat | null {
    return this.free.pop() ?? null;
  }

  giveBack(place: FakeSeat, outcome: SeatOutcome, then: Then): void {
    place.user = null;
    place.request = null;
    this.free.push(place);
    this.given.push({ outcome, next: then });
  }

  wanted(waiting: number, refused: number): void {
    this.asked.push({ waiting, refused });
  }

  hasOther(): boolean {
    return this.others;
  }
}
