// The keys that session tickets are sealed with (RFC 5077; RFC 8446, section 4.6.1): one secret for all listeners and threads, from which each rule about
// clients has a key of its own; replaced every so often.
//
// Who has the key of a ticket can read what was said in its sessions of TLS 1.2, so a key is not kept long, and never on disk. Tickets of the day before are
// still taken, and replaced: else each client would make a full handshake after the change, all of them at once. One whose ticket is older does.

import { hkdfSync, randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../clock.ts';
import type { TicketKeys } from '../front/tls-contexts.ts';

/** How long a secret seals tickets; for as long again those are taken. */
const secretMs = 24 * 3_600_000;

/** Node takes a name of 16 bytes, and two keys of 16. */
const keyBytes = 48;

const secretBytes = 32;

/** Of what the keys of tickets are made. One object for as long as they are the same. */
export interface TicketSecrets {
  /** Of new tickets. */
  readonly current: Uint8Array;
  /** Of tickets that are still taken; null: there are none. */
  readonly former: Uint8Array | null;
}

/** Secrets that nobody has had before. */
export function newSecrets(): TicketSecrets {
  return { current: randomBytes(secretBytes), former: null };
}

interface Moment {
  readonly ms: number;
  readonly wallMs: number;
}

/** The secrets in force; they outlive reloads. */
export class TicketSecret {
  readonly #clock: Clock;
  #secrets = newSecrets();
  /** By either clock. */
  #madeAt: Moment;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
    this.#madeAt = momentOf(clock);
  }

  get secrets(): TicketSecrets {
    return this.#secrets;
  }

  /** Replaces the secret when its time is over. @returns whether it did */
  rotate(): boolean {
    const now = momentOf(this.#clock);
    // The first stands still while a machine sleeps, and the second may be set back.
    const ageMs = Math.max(now.ms - this.#madeAt.ms, now.wallMs - this.#madeAt.wallMs);
    if (ageMs < secretMs) return false;
    const former = ageMs < 2 * secretMs ? this.#secrets.current : null;
    this.#secrets = { current: randomBytes(secretBytes), former };
    this.#madeAt = now;
    return true;
  }
}

/** The keys for sessions under one rule: a ticket that was got under another opens nothing. @param rule see `ClientRule.id` */
export function ticketKeys({ current, former }: TicketSecrets, rule: string): TicketKeys {
  return { current: keyOf(current, rule), former: former === null ? null : keyOf(former, rule) };
}

function momentOf(clock: Clock): Moment {
  return { ms: clock.now(), wallMs: clock.wall() };
}

function keyOf(secret: Uint8Array, rule: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `postern tickets ${rule}`, keyBytes));
}
