// Tickets of TLS 1.3 are used once (RFC 8446, appendix C.4), so a client that resumes a session needs a new one. The library gives none where it has been
// told the keys: OpenSSL asks it whether a ticket is to be replaced, and it says no. A browser, which gets two tickets at its first visit, would make a
// full handshake at every third.
//
// OpenSSL's question can be answered by us, by a way that the library has and does not document. Where a version has it not, sessions are resumed as before.

import { randomFillSync } from 'node:crypto';
import type { Server } from 'node:tls';

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

/** Has a server replace the tickets that it takes. @param keys as in `TlsOptions.ticketKeys`: a name, and two keys */
export function renewTickets(server: Server, keys: Buffer): void {
  const context = (server as unknown as { readonly _sharedCreds?: { readonly context?: Partial<NativeContext> } })
    ._sharedCreds?.context;
  if (typeof context?.enableTicketKeyCallback !== 'function') return;
  const [name, hmacKey, aesKey] = [0, 1, 2].map((part) =>
    Buffer.from(keys.subarray(part * partBytes, (part + 1) * partBytes)),
  ) as [Buffer, Buffer, Buffer];
  const isGood = [goodAndReplaced, hmacKey, aesKey];
  // The library reads the keys of this answer, too: without them it ends the process.
  const isUnknown = [unknown, hmacKey, aesKey];
  const random = Buffer.alloc(ticketsAhead * partBytes);
  let at = random.length;
  context.onticketkeycallback = (nameOfTicket, _iv, isNew) => {
    if (!isNew) return nameOfTicket.equals(name) ? isGood : isUnknown;
    if (at === random.length) {
      randomFillSync(random);
      at = 0;
    }
    at += partBytes;
    return [made, hmacKey, aesKey, name, random.subarray(at - partBytes, at)];
  };
  context.enableTicketKeyCallback();
}
