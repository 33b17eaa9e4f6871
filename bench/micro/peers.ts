// The two FastCGI packages of npm that are compared with: fastcgi-stream, a codec, and node-fastcgi, an application server that uses it.

import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { Duplex } from 'node:stream';

/** A record of fastcgi-stream. */
type PeerRecord = object;

interface FastcgiStreamPackage {
  readonly FastCGIStream: new (
    socket: EventEmitter,
  ) => EventEmitter & { writeRecord(id: number, record: PeerRecord): void };
  readonly records: {
    readonly BeginRequest: new (role: number, flags: number) => PeerRecord;
    readonly Params: new (pairs: readonly (readonly [string, string])[]) => PeerRecord;
    readonly StdIn: new (data?: Buffer) => PeerRecord;
    readonly StdOut: new (data?: Buffer | string) => PeerRecord;
    readonly EndRequest: new (appStatus: number, protocolStatus: number) => PeerRecord;
  };
}

interface NodeFastcgiPackage {
  createServer(
    listener: (
      request: unknown,
      response: { setHeader(name: string, value: string): void; end(body: Buffer): void },
    ) => void,
  ): EventEmitter;
}

const require = createRequire(import.meta.url);

export const fastcgiStream = require('fastcgi-stream') as FastcgiStreamPackage;
export const nodeFastcgi = require('node-fastcgi') as NodeFastcgiPackage;

/** A socket that is only memory: what is written is counted and dropped. */
export class MemorySocket extends Duplex {
  writtenBytes = 0;
  /** Called with each write. */
  onWritten: ((chunk: Buffer) => void) | null = null;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.writtenBytes += chunk.length;
    done();
    this.onWritten?.(chunk);
  }

  setNoDelay(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }
}

/** A stream of fastcgi-stream over nothing: for what it costs to encode, or to decode what `feed` is given. */
export function peerStream(): {
  stream: InstanceType<FastcgiStreamPackage['FastCGIStream']>;
  feed(bytes: Buffer): void;
  records(): number;
} {
  const socket = Object.assign(new EventEmitter(), { write: () => true });
  const stream = new fastcgiStream.FastCGIStream(socket);
  let records = 0;
  stream.on('record', () => {
    records += 1;
  });
  return { stream, feed: (bytes) => socket.emit('data', bytes), records: () => records };
}
