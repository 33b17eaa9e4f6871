// Work that grows with a configuration: in slices, between which everybody else has a turn; so much at a time; and what many ask for, once.

import { setImmediate as immediate } from 'node:timers/promises';

/** How long a slice lasts: a thousand pools may not hold up a request for longer than one takes anyway. */
const sliceMs = 5;

/** The slices of one task. Time counts, not things done: those may take any time on a slow machine. */
export class Turns {
  #beganMs = performance.now();

  /** Between two things to do: goes on at once while the slice lasts. */
  async next(): Promise<void> {
    if (performance.now() - this.#beganMs < sliceMs) return;
    await immediate();
    this.#beganMs = performance.now();
  }
}

/** Begins something with each, and waits for all of it. */
export async function allInTurns<Item, Result>(
  items: Iterable<Item>,
  begin: (item: Item) => Promise<Result>,
): Promise<PromiseSettledResult<Result>[]> {
  const turns = new Turns();
  const begun: Promise<PromiseSettledResult<Result>[]>[] = [];
  for (const item of items) {
    begun.push(Promise.allSettled([begin(item)]));
    await turns.next();
  }
  return (await Promise.all(begun)).flat();
}

/** Does something with each, so many at a time. Rejects with the first failure: once all that was begun is over, and nothing is begun after it. */
export async function someAtATime<Item>(
  items: Iterable<Item>,
  limit: number,
  act: (item: Item) => Promise<void>,
): Promise<void> {
  const turns = new Turns();
  const left = items[Symbol.iterator]();
  const failures: unknown[] = [];
  const work = async (): Promise<void> => {
    for (let next = left.next(); next.done !== true && failures.length === 0; next = left.next()) {
      await act(next.value).catch((error: unknown) => void failures.push(error));
      await turns.next();
    }
  };
  await Promise.all(Array.from({ length: limit }, work));
  if (failures.length > 0) throw failures[0];
}

/** Asks once for what several want to know. @param about what the answer depends on, as JSON tells it apart */
export function askedOnce<Question, Answer>(
  ask: (question: Question) => Promise<Answer>,
  about: (question: Question) => unknown = (question) => question,
): (question: Question) => Promise<Answer> {
  const asked = new Map<string, Promise<Answer>>();
  return (question) => {
    const key = JSON.stringify(about(question));
    const answer = asked.get(key) ?? ask(question);
    asked.set(key, answer);
    return answer;
  };
}
