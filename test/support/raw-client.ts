// A TCP client that sends bytes as they are and keeps what comes, for tests of what stands on the wire.

import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** A connection of such a client. Text is a byte string. */
export class RawClient {
  readonly socket: Socket;
  /** All that came. */
  received = '';
  /** How the connection ended: not yet, by the server's FIN or ours, or by an error such as ECONNRESET. */
  end: 'open' | 'ended' | string = 'open';
  readonly #changed = new Set<() => void>();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => this.#change(() => (this.received += chunk.toString('latin1'))));
    socket.on('end', () => this.#change(() => (this.end = 'ended')));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#change(() => (this.end = error.code ?? error.message)));
    socket.on('close', () => this.#change(() => (this.end = this.end === 'open' ? 'ended' : this.end)));
  }

  /** Connects to a port of 127.0.0.1, or to a Unix socket; destroyed with the test. */
  static async connect(t: { after: TestContext['after'] }, to: number | string): Promise<RawClient> {
    const socket = typeof to === 'number' ? connect({ port: to, host: '127.0.0.1', allowHalfOpen: true }) : connect(to);
    t.after(() => socket.destroy());
    const client = new RawClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Waits until `isSo` holds, which is looked at whenever something came. */
  async until(isSo: (client: RawClient) => boolean): Promise<string> {
    while (!isSo(this)) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          this.#changed.delete(done);
          reject(new Error(`nothing more came (${this.end}) after ${JSON.stringify(this.received.slice(0, 2000))}`));
        }, 10_000);
        const done = (): void => {
          clearTimeout(timer);
          this.#changed.delete(done);
          resolve();
        };
        this.#changed.add(done);
      });
    }
    return this.received;
  }

  /** Waits until the received text holds `text`, `times` times. */
  untilHas(text: string, times = 1): Promise<string> {
    return this.until(() => this.received.split(text).length > times);
  }

  /** Waits for the end of the connection, and returns all that came. */
  untilEnd(): Promise<string> {
    return this.until(() => this.end !== 'open');
  }

  #change(change: () => void): void {
    change();
    for (const done of [...this.#changed]) done();
  }
}
