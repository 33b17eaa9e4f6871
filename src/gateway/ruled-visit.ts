// One request on its way through the rules of its site: who may ask, one gate after another, and what the rules change of its answer.

import { PosternError, toPosternError } from '../errors.ts';
import type { RequestPath } from '../protocol/http/path.ts';
import type { HeaderRule } from '../rules/header-rule.ts';
import type { AddedVariables, ProgramAuth } from './authorizer.ts';
import type { ClientGate, GateQuestion } from './client-gate.ts';
import type { HttpRequest } from './message.ts';
import type { Client } from './request-client.ts';
import { gateAddress, type RuledDecision, type SiteGates } from './site-gates.ts';

/** Asks a program that decides who may. */
export type AskProgram = (auth: ProgramAuth, headers: readonly string[]) => Promise<AddedVariables>;

/** What a request that the rules let in carries on. */
export class RuledVisit {
  readonly decided: RuledDecision;
  readonly #gates: readonly ClientGate[];
  readonly #address: string;
  readonly #question: GateQuestion;
  /** Gates whose `end` is to be called. */
  readonly #entered: ClientGate[] = [];
  /** CGI variables that say who it is; byte strings. */
  readonly variables: Record<string, string> = {};
  #isOver = false;

  /** @throws BAD_REQUEST, URI_TOO_LONG */
  constructor(rules: SiteGates, request: HttpRequest, client: Client, target: RequestPath) {
    this.decided = rules.decide(request, client, target);
    this.#address = gateAddress(client);
    this.#question = { address: this.#address, headers: request.headers };
    this.#gates = this.decided.taken.flatMap(({ rule }) => rules.gateOf(rule) ?? []);
  }

  /** What changes the header of the answer. */
  get headerRules(): readonly HeaderRule[] {
    return this.decided.taken.flatMap(({ rule }) => rule.header ?? []);
  }

  /** The URL path of the page for an error; null: our own. */
  errorPage(status: number): string | null {
    for (const { rule } of this.decided.taken) {
      const page = rule.errorPages?.get(status);
      if (page !== undefined) return page;
    }
    return null;
  }

  /**
   * Asks the gates.
   * @returns null: it may go on at once. A promise: once that resolves
   * @throws what refuses it
   */
  pass(ask: AskProgram): Promise<void> | null {
    return this.#gates.length === 0 ? null : this.#passFrom(0, ask);
  }

  /** The request is over. Repeatable. */
  end(): void {
    this.#isOver = true;
    for (const gate of this.#entered.splice(0)) gate.end(this.#address);
  }

  #passFrom(from: number, ask: AskProgram): Promise<void> | null {
    for (let at = from; at < this.#gates.length; at += 1) {
      const gate = this.#gates[at]!;
      const isAdmitted = gate.admits(this.#address);
      gate.limit(this.#question);
      if (gate.counts) this.#entered.push(gate);
      if (isAdmitted) continue;
      const user = gate.user(this.#question);
      if (user !== null && typeof user !== 'string') return this.#after(user, at, ask, (name) => this.#isUser(name));
      if (user !== null) this.#isUser(user);
      const { program } = gate;
      if (program === null) continue;
      const asked = ask(program, this.#question.headers);
      return this.#after(asked, at, ask, (added) => Object.assign(this.variables, added));
    }
    return null;
  }

  async #after<Value>(
    waited: Promise<Value>,
    at: number,
    ask: AskProgram,
    take: (value: Value) => void,
  ): Promise<void> {
    let value: Value;
    try {
      value = await waited;
    } catch (error) {
      throw toPosternError(error);
    }
    if (this.#isOver) throw new PosternError('ABORTED', 'the client left while it was asked who it is');
    take(value);
    await this.#passFrom(at + 1, ask);
  }

  #isUser(name: string): void {
    this.variables.AUTH_TYPE = 'Basic';
    this.variables.REMOTE_USER = name;
  }
}
