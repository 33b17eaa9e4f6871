// A list of IP addresses and networks ("10.0.0.0/8"), as the configuration writes who is trusted or may connect. Pure.

import { BlockList, isIP } from 'node:net';
import { PosternError } from './errors.ts';

/** Addresses and networks; "unix" stands for all Unix sockets. */
export class AddressList {
  readonly #list = new BlockList();
  readonly #hasUnix: boolean;
  readonly isEmpty: boolean;

  /**
   * @param key what the configuration calls the list, for the message
   * @throws CONFIG_INVALID for what is neither an address, a network nor "unix"
   */
  constructor(entries: readonly string[], key: string) {
    this.isEmpty = entries.length === 0;
    this.#hasUnix = entries.includes('unix');
    for (const entry of entries) if (entry !== 'unix') this.#add(entry, key);
  }

  /** @param address an IP address, or empty for a Unix socket; other texts are in no list */
  has(address: string): boolean {
    if (address === '') return this.#hasUnix;
    const family = isIP(address);
    return family !== 0 && this.#list.check(address, family === 6 ? 'ipv6' : 'ipv4');
  }

  #add(entry: string, key: string): void {
    const [, address = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
    const family = isIP(address);
    const most = family === 6 ? 128 : 32;
    const prefix = Number(bits ?? most);
    if (family === 0 || prefix > most) {
      throw new PosternError(
        'CONFIG_INVALID',
        `"${entry}" in ${key} is no address: write an address, a network ("10.0.0.0/8") or "unix"`,
      );
    }
    this.#list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  }
}
