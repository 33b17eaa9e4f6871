// A connection of HTTP/2 without a network, whose client takes what is sent when a test says so, and whose time a test moves.

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { ClientLimits, type ClientLimitValues } from '../../src/front/client-limits.ts';
import { defaultHttp1Limits, FrontTime, type Http1Limits } from '../../src/front/http1-states.ts';
import { Http2Connection } from '../../src/front/http2-connection.ts';
import type { HttpHandler, Peer } from '../../src/gateway/message.ts';
import { FakeClock } from './fake-clock.ts';
import { type Frame, preface, readFrames, settings } from './http2-frames.ts';
import { RecordingLog } from './recording-log.ts';

/** A socket without an other end. */
class HeldSocket extends Duplex {
  readonly sent: Buffer[] = [];
  /** Whether the client takes what is sent. */
  takes = true;
  #taken: (() => void) | null = null;

  setNoDelay(): this {
    return this;
  }

  destroySoon(): void {
    this.end(() => this.destroy());
  }

  /** The client takes one write. */
  takeOne(): void {
    const taken = this.#taken;
    this.#taken = null;
    taken?.();
  }

  override _read(): void {}

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.sent.push(Buffer.from(bytes));
    if (this.takes) done();
    else this.#taken = done;
  }
}

/** A connection. */
export class HeldHttp2 {
  readonly socket = new HeldSocket({ allowHalfOpen: true });
  readonly log = new RecordingLog();
  /** What its front was told: misconduct, answers that were given up, and its removal. */
  readonly told: string[] = [];
  readonly connection: Http2Connection;
  readonly #clock = new FakeClock();
  readonly #time = new FrontTime(this.#clock);

  constructor(handler: HttpHandler, limits: Partial<Http1Limits> = {}, values: Partial<ClientLimitValues> = {}) {
    const own = { maxConnections: 10, maxConnectionsPerClient: 0, minBodyRate: 0, maxWaiting: 10, ...values };
    this.connection = new Http2Connection(this.socket as unknown as Socket, { remoteAddress: '192.0.2.1' } as Peer, {
      handler,
      onRefused: () => {},
      log: this.log,
      isClosing: false,
      spareFrames: { frames: null },
      limits: { ...defaultHttp1Limits, ...limits },
      clients: new ClientLimits(own),
      time: this.#time,
      tellRefused: () => {},
      isTooSlow: () => false,
      tellMisconduct: (why) => this.told.push(why),
      tellStarved: () => this.told.push('starved'),
      removed: () => this.told.push('removed'),
    });
  }

  /** What was sent. */
  get frames(): Frame[] {
    return readFrames(Buffer.concat(this.socket.sent).toString('latin1'));
  }

  /** Sends frames, after the greeting where they are the first. */
  async send(...frames: readonly Buffer[]): Promise<void> {
    this.socket.push(Buffer.concat(frames));
    await turn();
  }

  async greet(own: Buffer = settings()): Promise<void> {
    await this.send(Buffer.from(preface), own);
  }

  /** Seconds pass, in each of which the connection looks at its deadlines. */
  pass(seconds: number): void {
    for (let second = 0; second < seconds; second += 1) {
      this.#clock.advance(1_000);
      this.connection.checkDeadline(this.#time.tick());
    }
  }
}

/** What a stream tells, it tells later. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
