// A request that something has to be found out for before it is handed on: meanwhile nobody else hears that its client has gone.

import type { AnswerListener, HttpAnswer } from '../gateway/message.ts';

/** Hears whether the client of an answer goes, until whoever answers listens itself. */
export class HeldRequest implements AnswerListener {
  #hasGone = false;

  constructor(answer: HttpAnswer) {
    answer.listener = this;
  }

  /** Whether the client has gone: then there is nobody to answer. */
  get hasGone(): boolean {
    return this.#hasGone;
  }

  drained(): void {}

  gone(): void {
    this.#hasGone = true;
  }
}

/** @returns what calls `serve`, unless the client has gone since now */
export function unlessGone(answer: HttpAnswer, serve: () => void): () => void {
  const held = new HeldRequest(answer);
  return () => {
    if (!held.hasGone) serve();
  };
}
