// A program's answer on its way to the client: passed on as it is, but for redirects inside the server and files sent in its place.

import type { PosternError } from '../errors.ts';
import { localRedirectOf } from '../protocol/cgi/cgi-head.ts';
import type { CgiHead, CgiSink } from '../protocol/cgi/exchange.ts';
import type { Reply } from './reply.ts';
import type { FileName } from './sendfile.ts';

/** What an answer may turn into. */
export interface AnswerOwner {
  /** The head of its answer has come. */
  onHead(headers: readonly string[]): void;
  /** The program has ended, and wants this path run in its place. */
  onLocalRedirect(target: string): void;
  /** The program has ended, and wants this file sent with these fields. */
  onSendfile(name: FileName, headers: readonly string[]): void;
  /** Lines of its header that are no fields and were left out. Byte strings. */
  onLostLines(lines: readonly string[]): void;
  /** Whether an empty answer of that status is answered in its place, by `onEmpty`. */
  isForDeveloper(status: number): boolean;
  /** The program has ended, and said nothing but this status. */
  onEmpty(status: number): void;
  /** Bytes of STDERR; lent. */
  onStderr(chunk: Uint8Array): void;
  /** The program has ended, well or not. Called once, before anything else that its end leads to. */
  onProgramEnd(): void;
}

/** Takes one program's answer. */
export class ProgramAnswer implements CgiSink {
  readonly #reply: Reply;
  readonly #owner: AnswerOwner;
  /** What is done at the end in place of this answer; its body is not wanted then. */
  #instead: (() => void) | null = null;
  /** A head whose body decides whether it is sent. */
  #held: CgiHead | null = null;
  #hasEnded = false;

  constructor(reply: Reply, owner: AnswerOwner) {
    this.#reply = reply;
    this.#owner = owner;
  }

  /** Whether `end` or `fail` was called. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  head(head: CgiHead): void {
    const { made } = head;
    if (made?.isPlain === true && !this.#owner.isForDeveloper(head.status)) {
      this.#owner.onHead(head.headers);
      this.#reply.head(head.status, head.headers, head);
      return;
    }
    const { headers, name } = takeServerFields(head.headers);
    if (head.lostLines !== undefined) this.#owner.onLostLines(head.lostLines);
    if (head.status < 200) {
      this.#reply.inform(head.status, headers);
      return;
    }
    this.#owner.onHead(headers);
    const redirect = localRedirectOf(head);
    if (made !== undefined) made.isPlain = redirect === null && headers === head.headers;
    if (redirect !== null) this.#instead = () => this.#owner.onLocalRedirect(redirect);
    else if (name !== null) this.#instead = () => this.#owner.onSendfile(name, headers);
    else if (this.#owner.isForDeveloper(head.status)) this.#held = { ...head, headers };
    else this.#reply.head(head.status, headers, head);
  }

  write(chunk: Uint8Array): boolean {
    if (this.#held !== null) this.#release();
    return this.#instead === null ? this.#reply.write(chunk) : true;
  }

  flush(): void {
    if (this.#instead === null && this.#held === null) this.#reply.flush();
  }

  end(): void {
    this.#hasEnded = true;
    this.#owner.onProgramEnd();
    if (this.#held !== null) this.#owner.onEmpty(this.#held.status);
    else if (this.#instead === null) this.#reply.end();
    else this.#instead();
  }

  fail(error: PosternError): void {
    this.#hasEnded = true;
    this.#held = null;
    this.#owner.onProgramEnd();
    this.#reply.fail(error);
  }

  stderr(chunk: Uint8Array): void {
    this.#owner.onStderr(chunk);
  }

  #release(): void {
    const head = this.#held!;
    this.#held = null;
    this.#reply.head(head.status, head.headers, head);
  }
}

/** What a program's header fields say about it. */
interface ServerFields {
  /** The fields without those that are meant for us alone; the same list where there are none. */
  readonly headers: readonly string[];
  /** The file to send in its place; null: none. */
  readonly name: FileName | null;
}

/** Takes the fields that are meant for a server (X-Sendfile*, X-Accel-*) out of a program's header. */
function takeServerFields(headers: readonly string[]): ServerFields {
  let name: ServerFields['name'] = null;
  let kept: string[] | null = null;
  for (let i = 0; i < headers.length; i += 2) {
    const lower = lowerServerField(headers[i]!);
    if (lower === null) {
      kept?.push(headers[i]!, headers[i + 1]!);
      continue;
    }
    kept ??= headers.slice(0, i);
    if (lower === 'x-sendfile') name = { by: 'path', value: headers[i + 1]! };
    else if (lower === 'x-accel-redirect') name = { by: 'url', value: headers[i + 1]! };
  }
  return { headers: kept ?? headers, name };
}

/** The name in lower case when the field is one for the server, else null. */
function lowerServerField(name: string): string | null {
  const first = name.charCodeAt(0);
  if ((first !== 0x58 && first !== 0x78) || name.charCodeAt(1) !== 0x2d) return null;
  const lower = name.toLowerCase();
  return lower.startsWith('x-sendfile') || lower.startsWith('x-accel-') ? lower : null;
}
