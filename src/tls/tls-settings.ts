// The settings of a TLS listener: Mozilla's "intermediate" recommendation (https://wiki.mozilla.org/Security/Server_Side_TLS, version 5.8), without the
// ciphers for which a client would have to lack elliptic curves.

import { createSecureContext, type TlsOptions } from 'node:tls';
import type { Certificate } from './certificate.ts';

const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

// The first is safe from what a quantum computer may once read of today's records; OpenSSL has it from 3.5 on.
const curves = ['X25519MLKEM768', 'X25519', 'prime256v1', 'secp384r1'];

/** Seconds that a session may be resumed: as long as its ticket's key is used. */
const sessionTimeout = 86_400;

/** The settings with certificates: one, or one for each kind of key. */
export function tlsSettings(
  certificates: readonly Pick<Certificate, 'chain' | 'key'>[],
  ticketKey: Buffer,
  rule: string,
): TlsOptions {
  return {
    // What came from another thread is no Buffer any more.
    cert: certificates.map(({ chain }) => Buffer.from(chain)),
    key: certificates.map(({ key }) => Buffer.from(key)),
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers,
    ecdhCurve: knownCurves(),
    // All of them are good, and a client knows best which it computes fast.
    honorCipherOrder: false,
    ticketKeys: ticketKey,
    sessionTimeout,
    // A session is resumed only where this is the same.
    sessionIdContext: rule.slice(0, 32),
  };
}

let known: string | null = null;

/** The curves that this OpenSSL has: it refuses a list with one that it has not. */
function knownCurves(): string {
  known ??= curves.filter((ecdhCurve) => isKnown(ecdhCurve)).join(':');
  return known;
}

function isKnown(ecdhCurve: string): boolean {
  try {
    createSecureContext({ ecdhCurve });
    return true;
  } catch {
    return false;
  }
}
