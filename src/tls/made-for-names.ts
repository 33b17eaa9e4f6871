// Certificates that are made as names are asked for, on a developer's machine: browsers take no "*.localhost".

import type { Certificate } from './certificate.ts';
import type { Authority } from './certificate-maker.ts';

/** Names that certificates are kept for; with more of them somebody plays. */
const mostNames = 200;

/** Browsers refuse certificates that are valid for much longer than a year. */
const lifetimeMs = 90 * 86_400_000;

/** Names that belong to this machine, and to no one else (RFC 6761, section 6.3). */
export function isLocalName(name: string): boolean {
  return name === 'localhost' || /^(?:[a-z0-9_-]+\.)+localhost$/.test(name);
}

/** The certificates of one thread. */
export class MadeForNames {
  readonly #made = new Map<string, Promise<readonly Certificate[]>>();

  /** @returns null: the name is not this machine's, or too many were asked for */
  async of(name: string, authority: Authority): Promise<readonly Certificate[] | null> {
    if (!isLocalName(name)) return null;
    let made = this.#made.get(name);
    if (made === undefined) {
      if (this.#made.size >= mostNames) return null;
      made = this.#make(name, authority);
      this.#made.set(name, made);
      made.catch(() => this.#made.delete(name));
    }
    return made;
  }

  async #make(name: string, authority: Authority): Promise<readonly Certificate[]> {
    const { makeCertificate } = await import('./certificate-maker.ts');
    return [await makeCertificate({ names: [name], title: name, lifetimeMs }, authority)];
  }
}
