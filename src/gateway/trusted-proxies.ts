// The proxies of a site that are believed, and in which fields they tell of their clients. Pure.

import { isIP } from 'node:net';
import { AddressList } from '../address-list.ts';
import { type Forwarded, parseForwarded, parseStandardForwarded } from '../protocol/http/forwarded.ts';
import type { Site } from './site.ts';

/** The proxies of one site. */
export class TrustedProxies extends AddressList {
  readonly #read: typeof parseForwarded;

  /** @throws CONFIG_INVALID for what is no address */
  constructor({ trustedProxies, proxyFields }: Pick<Site, 'trustedProxies' | 'proxyFields'>) {
    super(trustedProxies, 'trustedProxies');
    this.#read = proxyFields === 'Forwarded' ? parseStandardForwarded : parseForwarded;
  }

  /** What the proxy says that a request came from. */
  toldOf(headers: readonly string[]): Forwarded {
    return this.#read(
      headers,
      (address) => this.has(address),
      (text) => isIP(text) !== 0,
    );
  }
}
