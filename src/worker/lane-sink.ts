// Passes an answer on to whoever has a lane, but for its failure: that is told when it is known how the process ended.

import type { PosternError } from '../errors.ts';
import type { CgiHead, CgiSink } from '../protocol/cgi/exchange.ts';
import type { SeatUser } from '../queue/seat.ts';

/** One for each lane, not for each request. */
export class LaneSink implements CgiSink {
  /** null: nobody has the lane, or he wants to hear no more. */
  user: SeatUser | null = null;
  /** Why the present request failed; null while it has not. */
  failure: PosternError | null = null;

  head(head: CgiHead): void {
    this.user?.head(head);
  }

  write(chunk: Uint8Array): boolean {
    return this.user?.write(chunk) ?? true;
  }

  flush(): void {
    this.user?.flush();
  }

  end(): void {
    this.user?.end();
  }

  stderr(chunk: Uint8Array): void {
    this.user?.stderr(chunk);
  }

  fail(error: PosternError): void {
    this.failure = error;
  }
}
