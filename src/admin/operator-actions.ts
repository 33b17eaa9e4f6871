// What an operator may do on the dashboard: POST /actions/NAME, with the token of [admin] in a header.
//
// A page of another site cannot send that header without asking first (CORS), and nobody here says yes; so no browser can be made to
// do any of this by a page that does not know the token.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { Log } from '../log.ts';
import type { AdminOperations, Outcome } from './source.ts';

/** Who may do what. */
export interface ActionAccess {
  /** null: nobody may do anything. Asked for each request: a reload may change it. */
  readonly token: () => string | null;
  readonly operations: AdminOperations;
  readonly log: Log;
}

/** What was asked for, as it came. */
export interface ActionRequest {
  readonly name: string;
  readonly query: URLSearchParams;
  /** The Authorization field. */
  readonly authorization: string | undefined;
  /** Where it came from, for the log. */
  readonly from: string;
}

/** What is answered. */
export interface ActionAnswer {
  readonly status: number;
  readonly outcome: Outcome;
}

type Action = (operations: AdminOperations, query: URLSearchParams) => Outcome | Promise<Outcome>;

const actions: Readonly<Record<string, Action>> = {
  /** Changes nothing: tells whether the token is right. */
  check: () => ({ ok: true, message: 'the token is right' }),
  reload: ({ reload }, query) => reload([textOf(query, 'pool')]),
  recycle: ({ recycle }, query) => recycle(textOf(query, 'pool'), numberOf(query, 'pid')),
  drain: ({ drain }, query) => drain(textOf(query, 'pool'), true),
  resume: ({ drain }, query) => drain(textOf(query, 'pool'), false),
  end: ({ endRequest }, query) => endRequest(textOf(query, 'pool'), numberOf(query, 'request')),
};

/** Wrong tokens are told once in this time at most. */
const toldEveryMs = 10_000;

export class OperatorActions {
  readonly #access: ActionAccess;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(access: ActionAccess) {
    this.#access = access;
  }

  /** Whether anything may be done at all. */
  get areOn(): boolean {
    return this.#access.token() !== null;
  }

  /** Does it, where the token is right. Never rejects. */
  async take({ name, query, authorization, from }: ActionRequest): Promise<ActionAnswer> {
    const token = this.#access.token();
    if (token === null) return refused(403, 'nothing can be done here: set token or tokenFile in [admin]');
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (action === undefined) return refused(404, `there is no action "${name}"`);
    if (!isRight(authorization, token)) {
      this.#tellWrong(from);
      return refused(401, 'the token is not the one of [admin]');
    }
    const { operations, log } = this.#access;
    try {
      const outcome = await action(operations, query);
      if (name !== 'check') log.info({ action: name, from }, `dashboard, ${name} ${query}: ${outcome.message}`);
      return { status: outcome.ok ? 200 : 422, outcome };
    } catch (error) {
      return refused(error instanceof MissingParameter ? 400 : 500, (error as Error).message);
    }
  }

  #tellWrong(from: string): void {
    const nowMs = performance.now();
    if (nowMs - this.#toldAtMs < toldEveryMs) return;
    this.#toldAtMs = nowMs;
    this.#access.log.warn({ from }, 'somebody asked for an action of the dashboard with a wrong token');
  }
}

class MissingParameter extends Error {}

function textOf(query: URLSearchParams, name: string): string {
  const value = query.get(name) ?? '';
  if (value === '') throw new MissingParameter(`the parameter ${name} is missing`);
  return value;
}

function numberOf(query: URLSearchParams, name: string): number {
  const text = textOf(query, name);
  if (!/^[1-9]\d{0,15}$/.test(text)) throw new MissingParameter(`the parameter ${name} is no number: "${text}"`);
  return Number(text);
}

const refused = (status: number, message: string): ActionAnswer => ({ status, outcome: { ok: false, message } });

/** Takes the same time whatever the token: hashes are compared, and those are of one length. */
function isRight(authorization: string | undefined, token: string): boolean {
  const given = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1] ?? '';
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}
