// Takes the answer to a lane's probe: the id of the process that gave it, in decimal.

import { PosternError } from '../errors.ts';
import type { CgiHead, CgiRequest, CgiSink } from '../protocol/cgi/exchange.ts';
import { type LaneProbe, pidMark } from './program.ts';

/** A site's own text may stand around the process id; what is longer is an error page. */
const maxAnswerBytes = 65_536;
const maxShown = 200;
const marked = new RegExp(`${pidMark}(\\d{1,9})(?!\\d)`);

/** The probe as a request. */
export function probeRequest({ environment }: LaneProbe): CgiRequest {
  return {
    role: 'responder',
    environment,
    body: null,
    data: null,
    method: environment.REQUEST_METHOD ?? 'GET',
    url: environment.REQUEST_URI ?? '/',
    idempotent: true,
  };
}

export class ProbeSink implements CgiSink {
  #answer = '';
  #pid = 0;
  #isAnonymous = false;
  #error: PosternError | null = null;

  /** Who answered; 0 before the end, and after a failure. */
  get pid(): number {
    return this.#pid;
  }

  /** Whether the probe's script ran, though it could not tell who runs it: requests are served, by a process that is not known. */
  get isAnonymous(): boolean {
    return this.#isAnonymous;
  }

  /** Why there is no answer; null while there may be one. */
  get error(): PosternError | null {
    return this.#error;
  }

  head(_head: CgiHead): void {}

  write(chunk: Uint8Array): boolean {
    const room = maxAnswerBytes - this.#answer.length;
    this.#answer += Buffer.from(chunk.buffer, chunk.byteOffset, Math.min(chunk.length, room)).toString('latin1');
    return true;
  }

  flush(): void {}

  end(): void {
    const pid = Number((/^\s*(\d{1,9})\s*$/.exec(this.#answer) ?? marked.exec(this.#answer))?.[1] ?? 0);
    if (pid > 1) {
      this.#pid = pid;
      return;
    }
    this.#isAnonymous = this.#answer.includes(pidMark);
    const shown = JSON.stringify(this.#answer.slice(0, maxShown));
    this.fail(new PosternError('PROTOCOL_ERROR', `the probe was answered with ${shown} in place of a process id`));
  }

  fail(error: PosternError): void {
    this.#error = error;
  }

  stderr(_chunk: Uint8Array): void {}
}
