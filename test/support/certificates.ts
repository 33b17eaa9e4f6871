// Certificates for tests: one authority for all of them in a process, and files of what it issued.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Certificate } from '../../src/tls/certificate.ts';
import { type Authority, makeAuthority, makeCertificate, type Wanted } from '../../src/tls/certificate-maker.ts';

let made: Promise<Authority> | null = null;

/** The authority that clients of tests trust. */
export function testAuthority(): Promise<Authority> {
  made ??= makeAuthority('Postern tests', 86_400_000);
  return made;
}

/** A certificate for names, by the authority. */
export async function testCertificate(names: readonly string[], more: Partial<Wanted> = {}): Promise<Certificate> {
  return makeCertificate(
    { names, title: names[0] ?? 'nobody', lifetimeMs: 86_400_000, ...more },
    await testAuthority(),
  );
}

/** Writes it to NAME.pem and NAME.key, as a configuration names them. */
export function writeCertificate(folder: string, name: string, { chain, key }: Pick<Certificate, 'chain' | 'key'>) {
  writeFileSync(join(folder, `${name}.pem`), chain);
  writeFileSync(join(folder, `${name}.key`), key);
  return { certificate: `${name}.pem`, key: `${name}.key` };
}
