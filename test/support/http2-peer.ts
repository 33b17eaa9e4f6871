// A client of HTTP/2 that sends frames as a test wrote them, and keeps those that come.

import type { TestContext } from 'node:test';
import {
  codes,
  type Frame,
  flags,
  ping,
  preface,
  readFrames,
  settings,
  settingsAck,
  statusOf,
  types,
} from './http2-frames.ts';
import { RawClient } from './raw-client.ts';

/** A connection. */
export class Http2Peer {
  readonly client: RawClient;
  #pings = 0;
  #readLength = 0;
  #frames: Frame[] = [];

  constructor(client: RawClient) {
    this.client = client;
  }

  /** Connects to a port where HTTP/2 is spoken without TLS, with nothing said. */
  static async connect(t: { after: TestContext['after'] }, port: number): Promise<Http2Peer> {
    return new Http2Peer(await RawClient.connect(t, port));
  }

  /** Connects and greets. */
  static async open(t: { after: TestContext['after'] }, port: number, own: Buffer = settings()): Promise<Http2Peer> {
    const peer = await Http2Peer.connect(t, port);
    peer.send(Buffer.from(preface), own);
    await peer.until((frames) => frames.some(({ type }) => type === types.SETTINGS));
    peer.send(settingsAck);
    return peer;
  }

  get frames(): readonly Frame[] {
    const { received } = this.client;
    if (received.length !== this.#readLength) this.#frames = readFrames(received);
    this.#readLength = received.length;
    return this.#frames;
  }

  get hasEnded(): boolean {
    return this.client.end !== 'open';
  }

  send(...frames: readonly Buffer[]): void {
    if (!this.client.socket.destroyed) this.client.socket.write(Buffer.concat(frames));
  }

  /** Waits until the frames that came are so, or the connection has ended. */
  async until(isSo: (frames: readonly Frame[]) => boolean): Promise<void> {
    await this.client.until(() => isSo(this.frames) || this.hasEnded);
  }

  /** The first frame of that type, on that stream. */
  find(type: number, stream?: number): Frame | undefined {
    return this.frames.find((one) => one.type === type && (stream === undefined || one.stream === stream));
  }

  /** Waits for the answer on a stream, its reset, or the end of the connection. @returns the status, or how it failed */
  async answer(stream = 1): Promise<string> {
    const said = (): string | null => {
      const reset = this.find(types.RST_STREAM, stream);
      const heads = this.frames.filter((one) => one.type === types.HEADERS && one.stream === stream);
      const status = heads.map(statusOf).find((one) => one >= 200);
      if (status !== undefined && (this.isWhole(stream) || reset === undefined)) return String(status);
      if (reset !== undefined) return `reset ${nameOf(reset.payload.readUInt32BE(0))}`;
      const goaway = this.find(types.GOAWAY);
      const code = goaway?.payload.readUInt32BE(4);
      if (code !== undefined && code !== 0) return `goaway ${nameOf(code)}`;
      return this.hasEnded ? 'closed' : null;
    };
    await this.until(() => said() !== null);
    return said() ?? 'closed';
  }

  /** Whether the answer on a stream has its end. */
  isWhole(stream: number): boolean {
    return this.frames.some(
      ({ type, flags: flag, stream: of }) =>
        of === stream && (type === types.DATA || type === types.HEADERS) && (flag & flags.END_STREAM) !== 0,
    );
  }

  /** The body that came on a stream. */
  body(stream = 1): Buffer {
    return Buffer.concat(
      this.frames.filter((one) => one.type === types.DATA && one.stream === stream).map(({ payload }) => payload),
    );
  }

  /** Whether the connection still answers, which is asked with a ping; what was sent before has been read then. */
  async isAlive(): Promise<boolean> {
    this.#pings += 1;
    const payload = `ping${String(this.#pings).padStart(4, '0')}`;
    this.send(ping(payload));
    const isAnswer = (one: Frame): boolean =>
      one.type === types.PING && (one.flags & flags.ACK) !== 0 && one.payload.toString('latin1') === payload;
    await this.until((frames) => frames.some(isAnswer));
    return this.frames.some(isAnswer);
  }

  /** Waits for the connection's end. @returns the code of GOAWAY; null: there was none */
  async ended(): Promise<string | null> {
    await this.client.untilEnd();
    const goaway = this.frames.findLast(({ type }) => type === types.GOAWAY);
    return goaway === undefined ? null : nameOf(goaway.payload.readUInt32BE(4));
  }
}

export function nameOf(code: number): string {
  return Object.entries(codes).find(([, value]) => value === code)?.[0] ?? String(code);
}
