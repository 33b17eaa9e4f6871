// The sinks behind the promises of a client: one keeps an answer, the other hands it on as a stream.

import { Readable } from 'node:stream';
import type { Clock } from '../clock.ts';
import { PosternError } from '../errors.ts';
import type { CgiHead, CgiSink } from '../protocol/cgi/exchange.ts';
import { type Answer, type AnswerEnd, type AnswerHead, AnswerHeaders, type StreamedAnswer } from './client-answer.ts';

/** What the client knows of a request that runs. */
export interface RunningRequest {
  /** appStatus and times, at its end. */
  end(): Pick<AnswerEnd, 'appStatus' | 'timing'>;
  /** The sink was told an end. */
  over(): void;
  resume(): void;
  /** Stops it; its sink is called no more. */
  abort(): void;
}

/** What both have in common: the head, and STDERR up to a limit. */
export abstract class AnswerSink implements CgiSink {
  /** Set right after the request was started. */
  running: RunningRequest | null = null;
  /** When the first bytes of the answer came; null: none did. */
  firstByteAtMs: number | null = null;
  protected answerHead: AnswerHead | null = null;
  readonly #clock: Clock;
  readonly #maxStderrBytes: number;
  readonly #stderr: Buffer[] = [];
  #stderrBytes = 0;
  #stderrDroppedBytes = 0;

  constructor(maxStderrBytes: number, clock: Clock) {
    this.#maxStderrBytes = maxStderrBytes;
    this.#clock = clock;
  }

  head({ status, reason, headers }: CgiHead): void {
    this.firstByteAtMs ??= this.#clock.now();
    if (status < 200) return;
    this.answerHead = { status, reason, headers: new AnswerHeaders(headers) };
    this.begun(this.answerHead);
  }

  stderr(chunk: Uint8Array): void {
    this.firstByteAtMs ??= this.#clock.now();
    const kept = Math.min(chunk.length, this.#maxStderrBytes - this.#stderrBytes);
    if (kept > 0) this.#stderr.push(Buffer.from(chunk.subarray(0, kept)));
    this.#stderrBytes += kept;
    this.#stderrDroppedBytes += chunk.length - kept;
  }

  flush(): void {}

  protected answerEnd(): AnswerEnd {
    this.running!.over();
    return {
      ...this.running!.end(),
      stderr: Buffer.concat(this.#stderr),
      stderrDroppedBytes: this.#stderrDroppedBytes,
    };
  }

  abstract write(chunk: Uint8Array): boolean;
  abstract end(): void;
  abstract fail(error: PosternError): void;
  /** The final head has come. */
  protected abstract begun(head: AnswerHead): void;
}

/** Keeps an answer until it has come in full. */
export class GatheringSink extends AnswerSink {
  readonly answer: Promise<Answer>;
  readonly #maxBodyBytes: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #resolve: (answer: Answer) => void = () => {};
  #reject: (error: PosternError) => void = () => {};

  constructor(maxBodyBytes: number, maxStderrBytes: number, clock: Clock) {
    super(maxStderrBytes, clock);
    this.#maxBodyBytes = maxBodyBytes;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  write(chunk: Uint8Array): boolean {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBodyBytes) {
      this.running!.abort();
      this.fail(
        new PosternError(
          'ANSWER_INVALID',
          `the answer is larger than ${this.#maxBodyBytes} bytes: raise maxBodyBytes, or stream it`,
        ),
      );
      return false;
    }
    this.#chunks.push(Buffer.from(chunk));
    return true;
  }

  end(): void {
    const body = Buffer.concat(this.#chunks);
    this.#resolve({ ...this.answerHead!, ...this.answerEnd(), body, text: () => body.toString() });
  }

  fail(error: PosternError): void {
    this.running?.over();
    this.#reject(error);
  }

  protected begun(): void {}
}

/** Hands an answer on while it comes. */
export class StreamingSink extends AnswerSink {
  readonly answer: Promise<StreamedAnswer>;
  readonly #body: Readable;
  #isOver = false;
  #resolve: (answer: StreamedAnswer) => void = () => {};
  #reject: (error: PosternError) => void = () => {};
  #resolveEnd: (end: AnswerEnd) => void = () => {};
  #rejectEnd: (error: PosternError) => void = () => {};

  constructor(maxStderrBytes: number, clock: Clock) {
    super(maxStderrBytes, clock);
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#body = new Readable({
      read: () => this.running?.resume(),
      destroy: (error, done) => {
        this.#givenUp();
        done(error);
      },
    });
  }

  write(chunk: Uint8Array): boolean {
    return this.#body.push(Buffer.from(chunk));
  }

  end(): void {
    this.#isOver = true;
    this.#body.push(null);
    this.#resolveEnd(this.answerEnd());
  }

  fail(error: PosternError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.running?.over();
    this.#reject(error);
    this.#rejectEnd(error);
    if (this.answerHead !== null) this.#body.destroy(error);
  }

  protected begun(head: AnswerHead): void {
    const ended = new Promise<AnswerEnd>((resolve, reject) => {
      this.#resolveEnd = resolve;
      this.#rejectEnd = reject;
    });
    // Who reads the body learns of the failure there, and need not look here too.
    ended.catch(() => {});
    this.#resolve({ ...head, body: this.#body, ended });
  }

  /** The reader destroyed the body before its end. */
  #givenUp(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.running?.over();
    this.running?.abort();
    this.#rejectEnd(new PosternError('ABORTED', 'the body of the answer was given up before its end'));
  }
}
