// What listeners answer by TLS with, as plain data that goes from thread to thread: whoever reads files, asks authorities and keeps time makes it; a
// listener only uses it.

import type { Certificate } from './certificate.ts';
import type { Authority } from './certificate-maker.ts';
import type { ClientRule } from './client-rule.ts';
import type { TicketSecrets } from './ticket-keys.ts';

/** The certificates of one site. */
export interface ServedCertificates {
  /** For names that have none of their own: one certificate, or one for each kind of key. */
  readonly certificates: readonly Certificate[];
  /** In lower case. */
  readonly byName: ReadonlyMap<string, readonly Certificate[]>;
  /** Makes certificates for names as they are asked for, on a developer's machine; null: nobody does. */
  readonly maker: Authority | null;
}

/** How a site answers by TLS. */
export interface SiteTls extends ServedCertificates {
  /** null: clients need no certificate. */
  readonly rule: ClientRule | null;
}

/** All of it. */
export interface TlsMaterial {
  /** What the keys of session tickets are made from; the same in every thread. */
  readonly secrets: TicketSecrets;
  readonly sites: ReadonlyMap<string, SiteTls>;
  /** Where it is kept what an authority wants to see that looks whether a name is ours: see `ProofFolder`; null: no authority is asked. */
  readonly proofFolder: string | null;
}
