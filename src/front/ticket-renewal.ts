// Tickets of TLS 1.3 are used once (RFC 8446, appendix C.4), so a client that resumes a session needs a new one. The library gives none where it has been
// told the keys: OpenSSL asks it whether a ticket is to be replaced, and it says no. A browser, which gets two tickets at its first visit, would make a
// full handshake at every third.
//
// OpenSSL's question can be answered by us, by a way that the library has and does not document. So tickets of a former key can be taken, too. Where a version
// has it not, sessions are resumed as before.

import { randomFillSync } from 'node:crypto';
import type { Server } from 'node:tls';
import type { TicketKeys } from './tls-contexts.ts';

/** What the library asks: a new ticket is made, or one came. @returns what is to be done, and with what */
type AskTicketKey = (name: Buffer, iv: Buffer, isNew: boolean) => readonly (number | Buffer)[];

/** The part of the library's context that is used here. */
interface NativeContext {
  enableTicketKeyCallback(): void;
  onticketkeycallback: AskTicketKey;
}

/** What is answered: the ticket is nobody's; it can be made; it is good, and is replaced. */
const unknown = 0;
const made = 1;
const goodAndReplaced = 2;

const partBytes = 16;

/** Randomness is got for so many tickets at a time. */
const ticketsAhead = 256;

/** Has a server replace the tickets that it takes. */
export function renewTickets(server: Server, { current, former }: TicketKeys): void {
  const context = (server as unknown as { readonly _sharedCreds?: { readonly context?: Partial<NativeContext> } })
    ._sharedCreds?.context;
  if (typeof context?.enableTicketKeyCallback !== 'function') return;
  const [name, hmacKey, aesKey] = partsOf(current);
  const [formerName, formerHmacKey, formerAesKey] = partsOf(former ?? current);
  const isGood = [goodAndReplaced, hmacKey, aesKey];
  const isFormer = [goodAndReplaced, formerHmacKey, formerAesKey];
  // The library reads the keys of this answer, too: without them it ends the process.
  const isUnknown = [unknown, hmacKey, aesKey];
  const random = Buffer.alloc(ticketsAhead * partBytes);
  let at = random.length;
  context.onticketkeycallback = (nameOfTicket, _iv, isNew) => {
    if (!isNew) {
      if (nameOfTicket.equals(name)) return isGood;
      return nameOfTicket.equals(formerName) ? isFormer : isUnknown;
    }
    if (at === random.length) {
      randomFillSync(random);
      at = 0;
    }
    at += partBytes;
    return [made, hmacKey, aesKey, name, random.subarray(at - partBytes, at)];
  };
  context.enableTicketKeyCallback();
}

/** Name, key of the seal, key of what is within: none a view, since the library keeps what it is given. */
function partsOf(key: Buffer): [Buffer, Buffer, Buffer] {
  const part = (at: number): Buffer => Buffer.from(key.subarray(at * partBytes, (at + 1) * partBytes));
  return [part(0), part(1), part(2)];
}
