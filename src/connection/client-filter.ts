// Which clients may connect to a FastCGI listener: the configured addresses and those of FCGI_WEB_SERVER_ADDRS (FastCGI 1.0, section 3.2).

import { BlockList, isIP } from 'node:net';
import { PosternError } from '../errors.ts';

/** Says whether a remote address may connect. Unix sockets have none: there the file's permissions decide. */
export interface ClientFilter {
  allows(remoteAddress: string | undefined): boolean;
}

/** Lets everybody in. */
const anyClient: ClientFilter = { allows: () => true };

/**
 * A filter from addresses ("127.0.0.1", "::1") and networks ("10.0.0.0/8"). undefined: everybody.
 * @throws CONFIG_INVALID for what is neither
 */
export function clientFilter(allowed: readonly string[] | undefined): ClientFilter {
  if (allowed === undefined) return anyClient;
  const list = new BlockList();
  for (const entry of allowed) add(list, entry);
  return {
    allows(remoteAddress) {
      if (remoteAddress === undefined) return true;
      return list.check(remoteAddress, isIP(remoteAddress) === 6 ? 'ipv6' : 'ipv4');
    },
  };
}

/** The addresses in a value of FCGI_WEB_SERVER_ADDRS, which a web server puts in the environment of what it spawns. */
export function webServerAddresses(value: string | undefined): string[] | undefined {
  const addresses = value?.split(',').map((entry) => entry.trim());
  return addresses?.some((entry) => entry !== '') ? addresses.filter((entry) => entry !== '') : undefined;
}

function add(list: BlockList, entry: string): void {
  const [address, bits] = entry.split('/') as [string, string | undefined];
  const family = isIP(address);
  const isNetwork = bits !== undefined;
  if (family === 0 || (isNetwork && !/^\d{1,3}$/.test(bits)) || Number(bits ?? 0) > (family === 6 ? 128 : 32)) {
    throw new PosternError('CONFIG_INVALID', `"${entry}" in allowedClients is neither an IP address nor a network`);
  }
  const type = family === 6 ? 'ipv6' : 'ipv4';
  if (isNetwork) list.addSubnet(address, Number(bits), type);
  else list.addAddress(address, type);
}
