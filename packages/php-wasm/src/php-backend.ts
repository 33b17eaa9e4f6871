// Embedded PHP as a backend: takes CGI requests, one at a time, and passes on what their scripts answer.

import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { PosternError, toPosternError } from '../../../src/errors.ts';
import type { Backend, CgiRequest, CgiSink, Exchange, RequestBody } from '../../../src/protocol/cgi/exchange.ts';
import { parseAnswerHead } from './answer-head.ts';
import type { Interpreter } from './interpreter.ts';
import { phpVariables } from './variables.ts';

/** A body is copied into PHP's memory as a whole; its post_max_size is looked at only then. */
const maxBodyBytes = 512 * 1024 * 1024;

/** What exit status PHP has after a fatal error. */
const fatalStatus = 255;

/** Runs scripts with an interpreter. */
export class PhpBackend implements Backend {
  readonly name = 'php';
  readonly #interpreter: Interpreter;
  readonly #onEnd: () => void;
  /** Resolved when nothing runs: requests go one after the other. */
  #turn: Promise<void> = Promise.resolve();

  /** @param onEnd called after each request */
  constructor(interpreter: Interpreter, onEnd: () => void = () => {}) {
    this.#interpreter = interpreter;
    this.#onEnd = onEnd;
  }

  run(request: CgiRequest, sink: CgiSink): Exchange {
    const answer = new Answer(sink);
    this.#turn = this.#turn
      .then(() => (answer.isAborted ? undefined : this.#answer(request, answer)))
      .catch((error) => answer.fail(toPosternError(error)))
      .finally(this.#onEnd);
    return answer;
  }

  async #answer(request: CgiRequest, answer: Answer): Promise<void> {
    const { scriptPath, ...variables } = phpVariables(request.environment);
    if (!isFile(scriptPath)) {
      answer.notFound();
      return;
    }
    const body = await readBody(request.body);
    try {
      const response = await this.#interpreter.run(
        { scriptPath, ...variables, ...(body && { body }) } as never,
        dirname(scriptPath),
      );
      const errors = answer.stderr(response.stderr);
      await answer.head(response.getHeadersStream());
      await answer.body(response.stdout);
      await errors;
      // The runtime goes on after a fatal error, but what the script left behind is not worth trusting.
      if ((await response.exitCode) === fatalStatus) this.#interpreter.forget();
      else this.#interpreter.trim();
    } catch (error) {
      this.#interpreter.forget();
      throw error instanceof PosternError
        ? error
        : new PosternError('CONNECTION_LOST', `embedded PHP crashed: ${error}`, { cause: error });
    }
    answer.end();
  }
}

/** One answer on its way to the sink, which hears nothing more once the request was aborted. */
class Answer implements Exchange {
  readonly #sink: CgiSink;
  isAborted = false;
  /** Lets the body go on after the sink was full. */
  #resume: (() => void) | null = null;

  constructor(sink: CgiSink) {
    this.#sink = sink;
  }

  resume(): void {
    this.#resume?.();
    this.#resume = null;
  }

  abort(): void {
    this.isAborted = true;
    this.resume();
  }

  async head(stream: ReadableStream<Uint8Array>): Promise<void> {
    const head = parseAnswerHead(await readAll(stream));
    if (!this.isAborted) this.#sink.head(head);
  }

  async body(stream: ReadableStream<Uint8Array>): Promise<void> {
    // Read to its end in any case: it is in memory already, and the script's end is behind it.
    for await (const chunk of stream) {
      if (this.isAborted) continue;
      if (!this.#sink.write(unsigned(chunk))) await this.#drained();
    }
  }

  async stderr(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of stream) if (!this.isAborted) this.#sink.stderr(unsigned(chunk));
  }

  end(): void {
    if (!this.isAborted) this.#sink.end();
  }

  fail(error: PosternError): void {
    if (this.isAborted) return;
    this.#sink.stderr(Buffer.from(`${error.message}\n`));
    this.#sink.fail(error);
  }

  /** As php-cgi answers it. */
  notFound(): void {
    if (this.isAborted) return;
    this.#sink.stderr(Buffer.from('Primary script unknown\n'));
    this.#sink.head({ status: 404, reason: '', headers: ['Content-Type', 'text/html; charset=UTF-8'] });
    this.#sink.write(Buffer.from('No input file specified.\n'));
    this.#sink.end();
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }
}

async function readBody(body: RequestBody | null): Promise<Uint8Array | null> {
  if (body === null) return null;
  if ((body.length ?? 0) > maxBodyBytes) {
    throw new PosternError(
      'BODY_TOO_LARGE',
      `a body of ${body.length} bytes is more than the ${maxBodyBytes} that embedded PHP takes`,
    );
  }
  if (body.bytes !== null) return body.bytes;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body.stream()) {
    length += chunk.length;
    if (length > maxBodyBytes)
      throw new PosternError('BODY_TOO_LARGE', `a body is more than the ${maxBodyBytes} bytes that embedded PHP takes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(unsigned(chunk));
  return Buffer.concat(chunks);
}

/** The build gives some of its bytes out as an Int8Array, whatever its declarations say. */
function unsigned(chunk: Uint8Array): Uint8Array {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

function isFile(path: string): boolean {
  return path !== '' && (statSync(path, { throwIfNoEntry: false })?.isFile() ?? false);
}
