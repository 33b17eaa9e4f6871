// What an application answered, as the client's caller gets it.

import type { Readable } from 'node:stream';

/** Where the time of a request went, in milliseconds. */
export interface Timing {
  /** Waiting until a connection was free. */
  readonly waitMs: number;
  /** Until the connection stood; 0 for one that was kept. */
  readonly connectMs: number;
  /** From then to the first byte of the answer. */
  readonly firstByteMs: number;
  /** From the call to the end of the answer. */
  readonly totalMs: number;
}

/** The head of an answer. */
export interface AnswerHead {
  /** 200 to 599. */
  readonly status: number;
  /** Reason phrase; empty where the application gave none. */
  readonly reason: string;
  readonly headers: AnswerHeaders;
}

/** What is known when an answer has ended. */
export interface AnswerEnd {
  /** As a program's exit status; PHP always says 0. */
  readonly appStatus: number;
  /** What the application wrote to STDERR. */
  readonly stderr: Buffer;
  /** Bytes of STDERR above the limit, which were not kept. */
  readonly stderrDroppedBytes: number;
  readonly timing: Timing;
}

/** An answer that has come in full. */
export interface Answer extends AnswerHead, AnswerEnd {
  readonly body: Buffer;
  /** The body as UTF-8. */
  text(): string;
}

/** An answer whose body is still coming. */
export interface StreamedAnswer extends AnswerHead {
  /** The body. It has to be read, or destroyed: a connection belongs to it until its end. Fails where the answer is cut short. */
  readonly body: Readable;
  /** Resolves when the answer was complete; rejects where it was not. */
  readonly ended: Promise<AnswerEnd>;
}

/** Header fields in their order, found by name in any case. Values are UTF-8 where they are that, else latin1. */
export class AnswerHeaders implements Iterable<[name: string, value: string]> {
  readonly #fields: readonly string[];

  /** @param fields name, value, name, value; byte strings */
  constructor(fields: readonly string[]) {
    this.#fields = fields;
  }

  /** The first value of a name; undefined where there is none. */
  get(name: string): string | undefined {
    return this.getAll(name)[0];
  }

  /** Every value of a name. */
  getAll(name: string): string[] {
    const wanted = name.toLowerCase();
    return [...this].filter(([one]) => one.toLowerCase() === wanted).map(([, value]) => value);
  }

  *[Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    for (let index = 0; index + 1 < this.#fields.length; index += 2) {
      yield [this.#fields[index]!, toText(this.#fields[index + 1]!)];
    }
  }
}

/** What an authorizer decided (FastCGI 1.0, section 6.3). */
export interface Authorization {
  /** Status 200; with any other one the answer is what the client gets. */
  readonly isAllowed: boolean;
  /** Variables for the request that follows, from `Variable-NAME` fields; empty where it is not allowed. */
  readonly variables: Readonly<Record<string, string>>;
  /** The whole answer. */
  readonly answer: Answer;
}

const PREFIX = 'variable-';

/** Reads the decision from an authorizer's answer. */
export function authorizationOf(answer: Answer): Authorization {
  const isAllowed = answer.status === 200;
  const variables: Record<string, string> = Object.create(null);
  for (const [name, value] of isAllowed ? answer.headers : []) {
    if (name.toLowerCase().startsWith(PREFIX)) variables[name.slice(PREFIX.length)] = value;
  }
  return { isAllowed, variables, answer };
}

/** Bytes as text: UTF-8 where they are that, else latin1. */
function toText(bytes: string): string {
  if (/^[\x00-\x7f]*$/.test(bytes)) return bytes;
  const text = Buffer.from(bytes, 'latin1').toString();
  return text.includes('\ufffd') ? bytes : text;
}
