// Where the certificates of a site come from, whatever that is; and how it stands with each.

import type { CertificateFacts } from './certificate.ts';
import type { ServedCertificates } from './tls-material.ts';

/** How it stands with one certificate. */
export interface SourceStatus extends CertificateFacts {
  /** In words: the path of its file, "ACME", "self-signed until the first one is issued". */
  readonly from: string;
  /** What is wrong with it, or with getting the next one; null: nothing. */
  readonly trouble: string | null;
}

/** A source of the certificates of one site. */
export interface CertificateSource {
  /** What there is now: the same object as long as nothing of it changes. */
  readonly served: ServedCertificates;
  /** Of each certificate that it has now. */
  status(): readonly SourceStatus[];
  /** Looks whether there is something new. Called every few seconds; never rejects. */
  refresh(): Promise<void>;
}

const dayMs = 86_400_000;

/** What there is to say of a certificate's time; null: it is valid for a while. @param nowMs since 1970 */
export function timeTrouble({ notBefore, notAfter }: CertificateFacts, nowMs: number): string | null {
  if (nowMs < notBefore) return `it is valid only from ${new Date(notBefore).toISOString()} on: is the clock right?`;
  if (nowMs >= notAfter) return `it expired on ${new Date(notAfter).toISOString()}: renew it`;
  const left = notAfter - nowMs;
  // Two weeks of ninety days; short-lived ones have their own measure.
  if (left > Math.min(14 * dayMs, (notAfter - notBefore) / 6)) return null;
  return `it expires in ${left < 2 * dayMs ? `${Math.floor(left / 3_600_000)} hours` : `${Math.floor(left / dayMs)} days`}: renew it`;
}
