// A backend in a few lines: runs a function in place of a program, and remembers what it was asked.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { PosternError, toPosternError } from '../../src/errors.ts';
import type { Backend, CgiRequest, CgiSink, Exchange } from '../../src/protocol/cgi/exchange.ts';

/** What a script has to do with. */
export interface ScriptedRun {
  readonly request: CgiRequest;
  /** The request's body, complete. */
  readonly body: Buffer;
  /** The sink as it is, for scripts that break its rules' edges. */
  readonly sink: CgiSink;
  /** Resolves when the sink takes bytes again. */
  resumed(): Promise<void>;
  /** Whether the exchange was aborted. */
  readonly isAborted: boolean;
}

/** Answers by itself, or gives the whole answer as text. */
export type Script = (run: ScriptedRun) => Promise<string | undefined> | string | undefined;

/** One that runs `script` for every request. */
export class ScriptedBackend implements Backend {
  readonly name = 'scripted';
  readonly requests: CgiRequest[] = [];
  aborted = 0;
  script: Script;

  constructor(script: Script = () => 'hello') {
    this.script = script;
  }

  run(request: CgiRequest, sink: CgiSink): Exchange {
    this.requests.push(request);
    const run = new Run(request, sink, this);
    void run.start(this.script);
    return run;
  }
}

class Run implements Exchange, ScriptedRun {
  readonly request: CgiRequest;
  readonly sink: CgiSink;
  body: Buffer = Buffer.alloc(0);
  isAborted = false;
  readonly #backend: ScriptedBackend;
  #waiters: (() => void)[] = [];

  constructor(request: CgiRequest, sink: CgiSink, backend: ScriptedBackend) {
    this.request = request;
    this.sink = sink;
    this.#backend = backend;
  }

  async start(script: Script): Promise<void> {
    try {
      if (this.request.body !== null) this.body = await bytesOf(this.request.body.stream());
      else await nextTurn();
      if (this.isAborted) return;
      const text = await script(this);
      if (text === undefined || this.isAborted) return;
      this.sink.head({ status: 200, reason: '', headers: ['Content-Type', 'text/plain'] });
      if (text !== '') this.sink.write(Buffer.from(text));
      this.sink.end();
    } catch (error) {
      if (!this.isAborted) this.sink.fail(toPosternError(error));
    }
  }

  resumed(): Promise<void> {
    if (this.isAborted) return Promise.reject(new PosternError('ABORTED', 'aborted'));
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  resume(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  abort(): void {
    if (this.isAborted) return;
    this.isAborted = true;
    this.#backend.aborted += 1;
    this.resume();
  }
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
