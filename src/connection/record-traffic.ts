// The records that come and go on a connection to a FastCGI application. What comes is given to the exchanges that it belongs to; what is out of order is a
// protocol error, but for what a program that was forked in a request sends when that has ended. What leaves together is one write.

import type { Socket } from 'node:net';
import { PosternError } from '../errors.ts';
import { LastView } from '../protocol/bytes.ts';
import {
  type ApplicationValues,
  decodeUnknownType,
  decodeValues,
  END_REQUEST,
  formatType,
  GET_VALUES,
  GET_VALUES_RESULT,
  type RecordHandler,
  RecordReader,
  STDERR,
  STDOUT,
  type StreamType,
  UNKNOWN_TYPE,
} from '../protocol/fastcgi/record.ts';
import { RecordWriter } from '../protocol/fastcgi/record-writer.ts';
import type { EndedRequest, RecordExchange, RunningExchanges } from './client-exchange.ts';
import { SocketWriter } from './plain-socket.ts';
import type { WriteDeadline } from './write-deadline.ts';

/** What leaves on one socket: the records gathered for it, sent in one write. */
export class Outgoing {
  readonly writer: RecordWriter = new RecordWriter();
  readonly #socket: Socket;
  readonly #sent: SocketWriter;
  readonly #deadline: WriteDeadline;

  /** @param onDrain called when the socket has taken what it had, after a send gave false */
  constructor(socket: Socket, deadline: WriteDeadline, onDrain: () => void) {
    this.#socket = socket;
    this.#sent = new SocketWriter(socket, onDrain);
    this.#deadline = deadline;
  }

  /** Whether the kernel has taken all that was sent. */
  get isEmpty(): boolean {
    return this.#sent.isEmpty;
  }

  /** Whether nothing more should be sent until the socket has drained. */
  get isFull(): boolean {
    return this.#sent.isFull;
  }

  /** Sends what the writer gathered. @returns false when nothing more should be sent until the socket has drained */
  send(): boolean {
    const isTaken = this.sendRecords(this.writer.take());
    // The kernel has its own copy.
    if (this.isEmpty) this.writer.giveBack();
    return isTaken;
  }

  /** Sends whole records, as bytes or a byte string, which are the socket's until `isEmpty`. @returns as `send()` */
  sendRecords(records: Buffer | string): boolean {
    const isTaken = this.#sent.write(records);
    if (!isTaken && !this.#socket.destroyed) this.#deadline.start();
    return isTaken;
  }

  /** The socket took what it had, or is gone. */
  stopDeadline(): void {
    this.#deadline.stop();
  }
}

/** Nothing is known of an application that does not know GET_VALUES. */
const noValues: ApplicationValues = { maxConnections: undefined, maxRequests: undefined, multiplexes: undefined };

/** Reads answers. */
export class AnswerReader implements RecordHandler {
  /** Called with the answer to GET_VALUES; null while nothing was asked. */
  onValues: ((values: ApplicationValues) => void) | null = null;
  readonly #running: RunningExchanges;
  readonly #onStraggled: (of: EndedRequest | null) => void;
  readonly #reader: RecordReader;
  /** Exchanges whose END_REQUEST was in the last chunk. */
  #ended: RecordExchange[] = [];
  /** Whether records came for a request that had ended. */
  #hasStraggled = false;
  /** The exchange that was given bytes of the chunk and not yet told that there are no more. */
  #touched: RecordExchange | null = null;

  /**
   * @param running the exchanges of the connection
   * @param onStraggled called once, at the first record for a request that has ended: it and all that follow it are dropped
   */
  constructor(running: RunningExchanges, onStraggled: (of: EndedRequest | null) => void) {
    this.#running = running;
    this.#onStraggled = onStraggled;
    this.#reader = new RecordReader(this, {}, new LastView());
  }

  /** Whether what was read ends between two records. */
  get isBetweenRecords(): boolean {
    return this.#reader.isBetweenRecords;
  }

  /**
   * Hands what is in the chunk to the sinks, then flushes them.
   * @returns the exchanges that ended in it. They are finished by the caller, after all of the chunk was read: what follows
   * an END_REQUEST must not become part of the request that comes next.
   * @throws PROTOCOL_ERROR
   */
  push(chunk: Buffer): readonly RecordExchange[] {
    this.#reader.push(chunk);
    this.#touch(null);
    if (this.#ended.length === 0) return this.#ended;
    const ended = this.#ended;
    this.#ended = [];
    return ended;
  }

  /** Ignores the rest. */
  stop(): void {
    this.#reader.stop();
  }

  content(type: StreamType, id: number, chunk: Buffer): void {
    const exchange = this.#exchangeOf(type, id);
    if (exchange === null) return;
    this.#touch(exchange);
    if (type === STDOUT ? exchange.stdout(chunk) : exchange.stderr(chunk)) return;
    throw outOfOrder(`${formatType(type)} of request ${id} goes on after its end`);
  }

  closed(type: StreamType, id: number): void {
    const exchange = this.#exchangeOf(type, id);
    if (exchange === null) return;
    if (type === STDOUT ? exchange.stdoutClosed() : exchange.stderrClosed()) return;
    throw outOfOrder(`${formatType(type)} of request ${id} was closed twice`);
  }

  control(type: number, id: number, body: Buffer): void {
    if (type === END_REQUEST) {
      const exchange = this.#exchangeOf(type, id);
      if (exchange === null) return;
      exchange.ended(body);
      this.#ended.push(exchange);
      if (this.#touched === exchange) this.#touched = null;
      return;
    }
    const onValues = this.onValues;
    this.onValues = null;
    if (onValues !== null && type === GET_VALUES_RESULT) onValues(decodeValues(body));
    else if (onValues !== null && type === UNKNOWN_TYPE && decodeUnknownType(body) === GET_VALUES) onValues(noValues);
    else throw outOfOrder(`${formatType(type)} came, which nobody asked for`);
  }

  /** @returns null for a request that has ended: what still comes for it is dropped */
  #exchangeOf(type: number, id: number): RecordExchange | null {
    if (type !== STDOUT && type !== STDERR && type !== END_REQUEST) {
      throw outOfOrder(`${formatType(type)} came from an application`);
    }
    const exchange = this.#running.get(id);
    if (exchange !== undefined && !exchange.hasEnded) return exchange;
    if (exchange === undefined && !this.#running.hasUsed(id)) {
      throw outOfOrder(`${formatType(type)} came for request ${id}, which was never begun`);
    }
    if (!this.#hasStraggled) {
      this.#hasStraggled = true;
      this.#onStraggled(exchange === undefined ? this.#running.ended(id) : exchange.request);
    }
    return null;
  }

  /** Flushes the exchange that had bytes before another one has. */
  #touch(exchange: RecordExchange | null): void {
    const touched = this.#touched;
    if (touched === exchange) return;
    this.#touched = exchange;
    touched?.flush();
  }
}

function outOfOrder(what: string): PosternError {
  return new PosternError('PROTOCOL_ERROR', `${what}: the application does not keep to FastCGI 1.0`);
}
