// The web server's side of a FastCGI connection for tests of the application's side: records out as bytes, records in as values.

import type { TestContext } from 'node:test';
import type { Environment, Role } from '../../src/protocol/cgi/exchange.ts';
import {
  DATA,
  decodeEnd,
  END_REQUEST,
  formatType,
  RecordReader,
  STDERR,
  STDIN,
  STDOUT,
  type StreamType,
} from '../../src/protocol/fastcgi/record.ts';
import { RecordWriter } from '../../src/protocol/fastcgi/record-writer.ts';
import { RawClient } from './raw-client.ts';

/** What came for one request. */
export interface PeerAnswer {
  stdout: string;
  stderr: string;
  /** null: END_REQUEST has not come. */
  end: { readonly appStatus: number; readonly protocolStatus: number } | null;
}

/** Speaks FastCGI to an application. */
export class FastcgiPeer {
  readonly raw: RawClient;
  /** The order in which records came: "STDOUT 1". */
  readonly order: string[] = [];
  readonly controls: { readonly type: number; readonly body: string }[] = [];
  readonly #answers = new Map<number, PeerAnswer>();
  readonly #reader: RecordReader;

  private constructor(raw: RawClient) {
    this.raw = raw;
    this.#reader = new RecordReader({
      content: (type, id, chunk) => this.#content(type, id, chunk.toString('latin1')),
      closed: (type, id) => void this.order.push(`${formatType(type)} ${id} closed`),
      control: (type, id, body) => this.#control(type, id, body),
    });
    raw.socket.on('data', (chunk: Buffer) => this.#reader.push(chunk));
  }

  static async connect(t: { after: TestContext['after'] }, to: number | string): Promise<FastcgiPeer> {
    return new FastcgiPeer(await RawClient.connect(t, to));
  }

  /** Sends a whole request in one write, but for what is left out. */
  request(
    id: number,
    environment: Environment = {},
    { role = 'responder', keep = true, stdin = '', data }: RequestParts = {},
  ): void {
    this.send((writer) => {
      writer.begin(id, role, keep);
      writer.params(id, { REQUEST_METHOD: 'GET', REQUEST_URI: '/', ...environment });
      if (stdin === null) return;
      writer.text(STDIN, id, stdin);
      writer.end(STDIN, id);
      if (data === undefined) return;
      writer.text(DATA, id, data);
      writer.end(DATA, id);
    });
  }

  /** Sends records in one write. */
  send(write: (writer: RecordWriter) => void): void {
    const writer = new RecordWriter();
    write(writer);
    this.raw.socket.write(writer.take());
  }

  answer(id: number): PeerAnswer {
    const answer = this.#answers.get(id) ?? { stdout: '', stderr: '', end: null };
    this.#answers.set(id, answer);
    return answer;
  }

  /** Waits for the end of a request, and forgets it, so that its id can be used again. */
  async ended(id: number): Promise<PeerAnswer> {
    await this.raw.until(() => this.answer(id).end !== null || this.raw.end !== 'open');
    const answer = this.answer(id);
    if (answer.end === null) throw new Error(`the connection closed (${this.raw.end}) before request ${id} ended`);
    this.#answers.delete(id);
    return answer;
  }

  #content(type: StreamType, id: number, text: string): void {
    this.order.push(`${formatType(type)} ${id}`);
    if (type === STDOUT) this.answer(id).stdout += text;
    else if (type === STDERR) this.answer(id).stderr += text;
    else throw new Error(`${formatType(type)} came from an application`);
  }

  #control(type: number, id: number, body: Buffer): void {
    this.order.push(`${formatType(type)} ${id}`);
    if (type === END_REQUEST) this.answer(id).end = decodeEnd(body);
    else this.controls.push({ type, body: body.toString('latin1') });
  }
}

interface RequestParts {
  readonly role?: Role;
  readonly keep?: boolean;
  /** null: STDIN stays open. */
  readonly stdin?: string | null;
  readonly data?: string;
}
