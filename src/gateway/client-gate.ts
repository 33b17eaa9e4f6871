// Who may ask, by one rule: from which address, how often, and with which password. Made once for each configuration.

import { AddressList } from '../address-list.ts';
import { PosternError } from '../errors.ts';
import type { Rule, RuleGate } from '../rules/rule.ts';
import type { ProgramAuth } from './authorizer.ts';
import { type AuthParts, BasicAuth } from './basic-auth.ts';
import { RequestLimit } from './request-limit.ts';
import type { SharedLimits } from './shared-limits.ts';

/** What is asked of a gate. */
export interface GateQuestion {
  /** Of the client; empty for a Unix socket. */
  readonly address: string;
  /** Of the request. */
  readonly headers: readonly string[];
}

/** What a gate is made with. */
export interface GateParts extends AuthParts {
  /** The site's name. */
  readonly site: string;
  /** Where several threads count together; null: this one is alone. */
  readonly limits: SharedLimits | null;
}

/** One rule's gate. */
export class ClientGate {
  readonly rule: Rule;
  readonly #gate: RuleGate;
  readonly #allow: AddressList | null;
  readonly #deny: AddressList | null;
  readonly #limit: RequestLimit | null;
  readonly #auth: BasicAuth | null;

  /** @throws CONFIG_INVALID for an address that cannot be read */
  constructor(rule: Rule, gate: RuleGate, parts: GateParts) {
    this.rule = rule;
    this.#gate = gate;
    this.#allow = gate.allow === null ? null : addressList(gate.allow, 'allow');
    this.#deny = gate.deny === null ? null : addressList(gate.deny, 'deny');
    this.#limit =
      gate.limit === null
        ? null
        : new RequestLimit(gate.limit, parts.clock, parts.limits, `${parts.site}\n${rule.name}`);
    this.#auth = gate.auth?.kind === 'file' ? new BasicAuth(gate.auth.realm, gate.auth.file, parts) : null;
  }

  /** Whether `end` is to be called for each request that `limit` let in. */
  get counts(): boolean {
    return this.#limit !== null && this.#gate.limit!.connections > 0;
  }

  /** The program that is asked; null: none is. */
  get program(): ProgramAuth | null {
    return this.#gate.auth?.kind === 'pool' ? this.#gate.auth : null;
  }

  /** Whether nothing more is to be proved: by its address alone the client may ask. @throws FORBIDDEN */
  admits(address: string): boolean {
    const isAllowed = this.#allow === null || this.#allow.has(address);
    const isDenied = this.#deny?.has(address) ?? false;
    const isFine = isAllowed && !isDenied;
    const provesOtherwise = this.#gate.satisfiesAny && this.#gate.auth !== null;
    if (isFine) return provesOtherwise && (this.#allow !== null || this.#deny !== null);
    if (provesOtherwise) return false;
    throw new PosternError('FORBIDDEN', `${this.rule.name} does not let ${address || 'a Unix socket'} in`);
  }

  /** Counts the request. @throws TOO_MANY_REQUESTS */
  limit({ address }: GateQuestion): void {
    const decision = this.#limit?.begin(address) ?? 'go';
    if (decision === 'go') return;
    const retryAfterS = Math.max(1, Math.ceil(decision.afterMs / 1_000));
    const message = `${this.rule.name}: ${address || 'a Unix socket'} asks more often than its limit allows`;
    throw new PosternError('TOO_MANY_REQUESTS', message, { fields: { retryAfterS } });
  }

  /** The user, where a password is asked for; a promise where that takes a while. null: none is. @throws UNAUTHORIZED */
  user({ headers }: GateQuestion): string | Promise<string> | null {
    return this.#auth?.ask(headers) ?? null;
  }

  /** A request that `limit` let in is over. */
  end(address: string): void {
    this.#limit?.end(address);
  }
}

/** "all" is every address, and each Unix socket. @throws CONFIG_INVALID */
export function addressList(entries: readonly string[], key: string): AddressList {
  return new AddressList(
    entries.flatMap((one) => (one === 'all' ? ['0.0.0.0/0', '::/0', 'unix'] : one)),
    key,
  );
}
