// Which site a request is for, by its Host field (RFC 9110, section 7.2): exact names, then wildcards, then the one without names. Pure.

import { domainToASCII } from 'node:url';
import { parseHost } from './host.ts';

/** Values of a Host field that are remembered with what they came to: clients write the same few again and again. */
const mostRemembered = 1_024;

/** A site of a listener. */
export interface NamedSite {
  readonly site: string;
  /** "example.org", "*.example.org"; empty: it is for every name that no other has. */
  readonly hosts: readonly string[];
}

/**
 * A name as it is compared: in lower case, without its final dot, in the letters of DNS ("xn--..."), an IPv6 address in its shortest form.
 * @returns null: it is no name
 */
export function normalHost(name: string): string | null {
  if (name.startsWith('[')) return URL.canParse(`http://${name}/`) ? new URL(`http://${name}/`).hostname : null;
  // A URL's parser would end the name there.
  if (/[\s/?#@:\\%[\]]/.test(name)) return null;
  const ascii = domainToASCII(name.replace(/\.$/, '').toLowerCase());
  return ascii === '' || parseHost(ascii)?.port !== null ? null : ascii;
}

/** The same for what a configuration writes, which may begin with "*.". @returns null: it is none */
export function normalPattern(pattern: string): string | null {
  if (!pattern.startsWith('*.')) return normalHost(pattern);
  const rest = normalHost(pattern.slice(2));
  return rest === null || rest.startsWith('[') ? null : `*.${rest}`;
}

/** The sites of one listener by name. */
export class HostTable {
  /** The site that gets everything; null: names decide. */
  readonly only: string | null;
  /** The site for names that no other has; null: there is none. */
  readonly fallback: string | null;
  readonly #exact = new Map<string, string>();
  /** "example.org" for "*.example.org". */
  readonly #wildcards = new Map<string, string>();
  readonly #remembered = new Map<string, string | null>();

  constructor(sites: readonly NamedSite[]) {
    this.fallback = sites.find(({ hosts }) => hosts.length === 0)?.site ?? null;
    this.only = sites.length === 1 ? this.fallback : null;
    for (const { site, hosts } of sites) for (const host of hosts) this.#add(host, site);
  }

  /** The site of a Host field; null: of none. @param value undefined: there was no such field */
  siteOf(value: string | undefined): string | null {
    if (value === undefined) return this.fallback;
    const known = this.#remembered.get(value);
    if (known !== undefined) return known;
    const host = parseHost(value);
    const site = host === null ? null : this.siteNamed(host.name);
    if (this.#remembered.size >= mostRemembered) this.#remembered.clear();
    this.#remembered.set(value, site);
    return site;
  }

  /** The site of a name without a port. */
  siteNamed(name: string): string | null {
    const host = normalHost(name);
    if (host === null) return this.fallback;
    return this.#exact.get(host) ?? this.#wildcardFor(host) ?? this.fallback;
  }

  /** The longest wildcard wins: "*.b.example.org" before "*.example.org". */
  #wildcardFor(host: string): string | undefined {
    for (let dot = host.indexOf('.'); dot !== -1 && this.#wildcards.size > 0; dot = host.indexOf('.', dot + 1)) {
      const site = this.#wildcards.get(host.slice(dot + 1));
      if (site !== undefined) return site;
    }
    return undefined;
  }

  #add(host: string, site: string): void {
    const pattern = normalPattern(host) ?? host;
    if (pattern.startsWith('*.')) this.#wildcards.set(pattern.slice(2), site);
    else this.#exact.set(pattern, site);
  }
}
