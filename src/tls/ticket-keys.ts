// The keys that session tickets are sealed with (RFC 5077; RFC 8446, section 4.6.1): one secret for all listeners and threads, from which each rule about
// clients has a key of its own; replaced every so often.
//
// Who has the key of a ticket can read what was said in its sessions of TLS 1.2, so a key is not kept long, and never on disk. A client whose ticket
// is too old makes a full handshake.

import { hkdfSync, randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../clock.ts';

/** How long a secret is used. */
const secretMs = 24 * 3_600_000;

/** Node takes a name of 16 bytes, and two keys of 16. */
const keyBytes = 48;

/** The secret in force; it outlives reloads. */
export class TicketSecret {
  readonly #clock: Clock;
  #bytes: Buffer = randomBytes(32);
  #madeAtMs: number;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
    this.#madeAtMs = clock.now();
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Replaces the secret when its time is over. @returns whether it did */
  rotate(): boolean {
    if (this.#clock.now() - this.#madeAtMs < secretMs) return false;
    this.#bytes = randomBytes(32);
    this.#madeAtMs = this.#clock.now();
    return true;
  }
}

/** The key for sessions under one rule: a ticket that was got under another opens nothing. @param rule see `ClientRule.id` */
export function ticketKey(secret: Uint8Array, rule: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `postern tickets ${rule}`, keyBytes));
}
