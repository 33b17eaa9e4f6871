// An answer whose header the rules of its site change, between the gateway and the front. Sites without rules have none.

import type { Clock } from '../clock.ts';
import type { PosternError } from '../errors.ts';
import { isNamed } from '../protocol/http/headers.ts';
import { changeHeader, type HeaderRule } from '../rules/header-rule.ts';
import type { AnswerListener, AnswerManner, HttpAnswer, Tunnel, TunnelInput } from './message.ts';

/** Fields by which a client would take an error's page for the file that it asked for. */
const ofFiles = ['etag', 'last-modified', 'accept-ranges'];

/** Changes the head, and passes all else on. */
export class ShapedAnswer implements HttpAnswer {
  readonly #answer: HttpAnswer;
  readonly #clock: Pick<Clock, 'wall'>;
  #rules: readonly HeaderRule[] = [];
  #status: number | null = null;
  #more: readonly string[] = [];

  constructor(answer: HttpAnswer, clock: Pick<Clock, 'wall'>) {
    this.#answer = answer;
    this.#clock = clock;
  }

  /** What changes the header from now on. */
  use(rules: readonly HeaderRule[]): void {
    this.#rules = rules;
  }

  /** What follows is the page of an error: it has that status, and these fields of it. */
  isPageOf(status: number, fields: readonly string[]): void {
    this.#status = status;
    this.#more = fields;
  }

  /** The status in place of the one that was given; null: none is. */
  get forcedStatus(): number | null {
    return this.#status;
  }

  head(status: number, headers: readonly string[], manner?: AnswerManner): void {
    if (status < 200) {
      this.#answer.head(status, headers, manner);
      return;
    }
    const forced = this.#status;
    const given = forced === null ? headers : pageFields(headers, this.#more);
    const changed = changeHeader(this.#rules, forced ?? status, given, this.#clock.wall());
    // A reason phrase belongs to the status that it came with, and so does what was made of the head.
    if (manner === undefined || forced === null) this.#answer.head(forced ?? status, changed, manner);
    else this.#answer.head(forced, changed, { reason: '', closes: manner.closes === true });
  }

  write(chunk: Uint8Array): boolean {
    return this.#answer.write(chunk);
  }

  writeLasting(bytes: Buffer): boolean {
    return this.#answer.writeLasting === undefined ? this.#answer.write(bytes) : this.#answer.writeLasting(bytes);
  }

  tunnel(headers: readonly string[], input: TunnelInput): Tunnel | null {
    return this.#answer.tunnel?.(headers, input) ?? null;
  }

  flush(): boolean {
    return this.#answer.flush();
  }

  end(): void {
    this.#answer.end();
  }

  abort(error: PosternError): void {
    this.#answer.abort(error);
  }

  get listener(): AnswerListener | null {
    return this.#answer.listener;
  }

  set listener(listener: AnswerListener | null) {
    this.#answer.listener = listener;
  }

  get headSent(): boolean {
    return this.#answer.headSent;
  }

  taken(closely: boolean): number {
    return this.#answer.taken(closely);
  }
}

function pageFields(headers: readonly string[], more: readonly string[]): string[] {
  const kept = headers.filter((_, i) => !ofFiles.some((name) => isNamed(headers[i - (i % 2)]!, name)));
  return [...kept, ...more];
}
