// Who a client is by user and password (RFC 7617), held against an htpasswd file. What was found right is remembered for a while, so that
// the pages of one visitor cost one slow comparison.

import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { PosternError } from '../errors.ts';
import type { Log } from '../log.ts';
import { fieldValues } from '../protocol/http/headers.ts';
import { hashKind, isPassword, isSlow, parsePasswords } from '../rules/password-hash.ts';
import { unauthorized } from './authorizer.ts';
import type { PasswordThread } from './password-thread.ts';

/** How long a right password is believed, and a wrong one: a program that repeats it costs no comparison each time. */
const RIGHT_MS = 300_000;
const WRONG_MS = 5_000;
const MAX_REMEMBERED = 4_096;
/** How long the file is believed to be as it was. */
const FILE_MS = 1_000;
const MAX_FILE_BYTES = 16_777_216;
const MAX_FIELD_LENGTH = 2_048;

/** What all of a gateway share. */
export interface AuthParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly thread: PasswordThread;
}

/** The users of one file, for one realm. */
export class BasicAuth {
  readonly #realm: string;
  readonly #file: string;
  readonly #parts: AuthParts;
  readonly #key = randomBytes(32);
  readonly #remembered: LRUCache<string, boolean>;
  /** The same question that is being asked already: a page with fifty pictures asks it at once. */
  readonly #asking = new Map<string, Promise<boolean>>();
  #users: ReadonlyMap<string, string> = new Map();
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #anybody: string | null = null;
  #mark = '';

  constructor(realm: string, file: string, parts: AuthParts) {
    this.#realm = realm;
    this.#file = file;
    this.#parts = parts;
    this.#remembered = new LRUCache({ max: MAX_REMEMBERED, ttl: RIGHT_MS, perf: parts.clock });
  }

  /**
   * The user that a request comes from; a promise where a hash has to be worked out.
   * @throws UNAUTHORIZED, which the promise may reject with, too
   */
  ask(headers: readonly string[]): string | Promise<string> {
    const given = credentials(headers);
    if (given === null) throw this.#refusal('no user and password came');
    const { user, password } = given;
    const own = this.#hashOf(user);
    // Somebody who is not in the file is compared with somebody who is, so that it takes as long.
    const hash = own ?? this.#anybody;
    if (hash === null) throw this.#refusal('there is no user in the file whose password could be compared');
    // The hash is part of it: who changes a password changes it at once.
    const key = createHmac('sha256', this.#key)
      .update(`${user}\0${password}\0${own ?? ''}`)
      .digest('base64');
    const known = this.#remembered.get(key);
    if (known !== undefined) return this.#judged(user, known);
    if (!isSlow(hash)) return this.#judged(user, isPassword(password, hash) && own !== null);
    let asking = this.#asking.get(key);
    if (asking === undefined) {
      asking = this.#parts.thread.ask(password, hash).then((isRight) => isRight && own !== null);
      this.#asking.set(key, asking);
      asking
        .then((isRight) => this.#remembered.set(key, isRight, { ttl: isRight ? RIGHT_MS : WRONG_MS }))
        .catch(() => {}) // whoever asked is told
        .finally(() => this.#asking.delete(key));
    }
    return asking.then((isRight) => this.#judged(user, isRight));
  }

  #judged(user: string, isRight: boolean): string {
    if (isRight) return user;
    throw this.#refusal('the user or the password is not right');
  }

  /** @throws INTERNAL when the file cannot be read */
  #hashOf(user: string): string | null {
    const now = this.#parts.clock.now();
    if (now - this.#lookedAtMs >= FILE_MS) {
      this.#read();
      this.#lookedAtMs = now;
    }
    const hash = this.#users.get(user) ?? null;
    return hash === null || hashKind(hash) === null ? null : hash;
  }

  #read(): void {
    try {
      const { size, mtimeMs, ino } = statSync(this.#file);
      const mark = `${size} ${mtimeMs} ${ino}`;
      if (mark === this.#mark) return;
      if (size > MAX_FILE_BYTES) throw new Error(`it has more than ${MAX_FILE_BYTES} bytes`);
      this.#users = parsePasswords(readFileSync(this.#file, 'latin1'));
      this.#anybody = [...this.#users.values()].find((hash) => hashKind(hash) !== null) ?? null;
      this.#mark = mark;
    } catch (error) {
      const message = `the password file ${this.#file} cannot be read: ${(error as Error).message}`;
      throw new PosternError('INTERNAL', message, { cause: error });
    }
  }

  #refusal(why: string): PosternError {
    return unauthorized(this.#realm, why);
  }
}

/** What the Authorization field says, as byte strings; null: nothing that could be right. */
export function credentials(headers: readonly string[]): { readonly user: string; readonly password: string } | null {
  const [value, second] = fieldValues(headers, 'authorization');
  if (value === undefined || second !== undefined || value.length > MAX_FIELD_LENGTH) return null;
  const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(value) ?? [];
  if (encoded === undefined) return null;
  const [, user, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString('latin1')) ?? [];
  if (user === undefined || /[\x00-\x1f\x7f]/.test(user)) return null;
  return { user, password: password! };
}
