// One request in an application of this process as a seat of its queue: from its turn until its handler and its modules are done.
//
//   new -> due -> running -> over         due: the handler is called in a moment
//     \-----\-> over   \-> dismissed -> over   dismissed: its time is over; its handler was told, and may go on for graceMs

import { PosternError, toPosternError } from '../errors.ts';
import { checkHead } from '../protocol/cgi/answer-head.ts';
import type { CgiHead, CgiRequest, CgiSink, Progress, RequestBody } from '../protocol/cgi/exchange.ts';
import type { Seat, SeatOutcome, SeatUser } from '../queue/seat.ts';
import { unknownRole } from './application.ts';
import type { Cycle } from './cycle.ts';
import type { Instance } from './instance.ts';

type ModuleSeatState = 'new' | 'due' | 'running' | 'dismissed' | 'over';

const moves: Readonly<Record<ModuleSeatState, readonly ModuleSeatState[]>> = {
  new: ['due', 'over'],
  due: ['running', 'over'],
  running: ['dismissed', 'over'],
  dismissed: ['over'],
  over: [],
};

/** Runs one request, once. */
export class ModuleSeat implements Seat, CgiSink {
  /** There is no process but our own. */
  readonly processEnd = null;
  readonly pid = 0;
  /** The handler is told by its signal that the client has left, and waited for no longer than graceMs. */
  readonly discardedBytes = 0;
  readonly #instance: Instance;
  readonly #onFree: (isReleased: boolean) => void;
  #state: ModuleSeatState = 'new';
  /** null once it is called no more. */
  #user: SeatUser | null = null;
  #cycle: Cycle | null = null;
  #outcome: SeatOutcome = { code: null, isDone: true, isAborted: false };
  /** The body, while the client is still sending it and the handler reads. */
  #upload: ReturnType<RequestBody['stream']> | null = null;

  /** @param onFree the handler is done; told whether its request was over before */
  constructor(instance: Instance, onFree: (isReleased: boolean) => void) {
    this.#instance = instance;
    this.#onFree = onFree;
  }

  /** A handler that was called has begun, whatever it said: nothing is run a second time in the process that it failed in. */
  get progress(): Progress {
    return this.#state === 'new' || this.#state === 'due' ? 'unsent' : 'answered';
  }

  get awaitsBody(): boolean {
    const upload = this.#upload;
    return upload !== null && !upload.readableEnded && !upload.destroyed && upload.readableLength === 0;
  }

  /** See Seat. @throws UNKNOWN_ROLE */
  run(request: CgiRequest, user: SeatUser): void {
    if (!this.#instance.app.roles.includes(request.role)) throw unknownRole(request.role);
    this.#move('due');
    this.#user = user;
    queueMicrotask(() => this.#begin(request));
  }

  resume(): void {
    this.#cycle?.resume();
  }

  abort(): void {
    if (this.#outcome.isAborted || this.#user === null) return;
    this.#outcome = { ...this.#outcome, isAborted: true };
    if (this.#cycle === null) this.#over();
    else this.#cycle.abort();
  }

  /** Its request was taken from it, and has been told why. */
  dismiss(error: PosternError): void {
    this.#user = null;
    if (this.#state === 'new' || this.#state === 'due') this.#over();
    if (this.#state !== 'running') return;
    this.#move('dismissed');
    this.#cycle!.dismiss(error);
  }

  /** @throws ANSWER_INVALID: to whoever wrote it */
  head(head: CgiHead): void {
    checkHead(head);
    this.#user?.head(head);
  }

  write(chunk: Uint8Array): boolean {
    return this.#user?.write(chunk) ?? true;
  }

  flush(): void {
    this.#user?.flush();
  }

  stderr(chunk: Uint8Array): void {
    this.#user?.stderr(chunk);
  }

  end(): void {
    this.#user?.end();
  }

  fail(error: PosternError): void {
    this.#outcome = { ...this.#outcome, code: error.code };
    this.#user?.fail(error);
  }

  #begin(request: CgiRequest): void {
    if (this.#state !== 'due') return;
    this.#move('running');
    const { body } = request;
    const watched = body === null || body.replayable ? body : this.#watched(body);
    // By name: of a request that is an object of a class, what it works out when it is asked is no property of its own.
    const { role, environment, data, method, url, idempotent, foreign } = request;
    const given: CgiRequest = {
      role,
      environment,
      body: watched,
      data,
      method,
      url,
      idempotent,
      ...(foreign && { foreign }),
    };
    const cycle = this.#instance.add(given, this, () => this.#over());
    this.#cycle = cycle;
    try {
      cycle.start();
    } catch (thrown) {
      // Whoever takes the answer threw. Out of a microtask it would end the process, and with it everybody else's requests.
      this.#outcome = { ...this.#outcome, code: toPosternError(thrown).code };
      this.#instance.giveUp(cycle, thrown);
    }
  }

  /** The body, seen by us too: while its handler waits for more of it, silence is the client's. */
  #watched(body: RequestBody): RequestBody {
    return {
      length: body.length,
      bytes: body.bytes,
      replayable: false,
      stream: () => {
        this.#upload = body.stream();
        return this.#upload;
      },
    };
  }

  #over(): void {
    const user = this.#user;
    this.#user = null;
    this.#move('over');
    this.#onFree(user === null);
    user?.released(this.#outcome);
  }

  #move(to: ModuleSeatState): void {
    if (!moves[this.#state].includes(to))
      throw new PosternError('INTERNAL', `a place cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}
