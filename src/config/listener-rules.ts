// The addresses of all sites: which sites share one, by their names, and what is wrong with that.

import { absoluteAddress, isReachable } from '../connection/address.ts';
import type { NamedSite } from '../protocol/http/host-table.ts';
import type { ConfigValues } from './config-schema.ts';
import { formatListenAddress, type ListenAddress, parseListenAddress } from './listen-address.ts';
import { keyName, type Path, type Problem, refused, sectionName } from './problem.ts';
import type { ListenValues } from './site-schema.ts';

/** An address to listen on, with the sites behind it. */
export interface PlannedListener {
  readonly address: ListenAddress;
  readonly sites: readonly NamedSite[];
  /** What the sites say of the address, all of them alike. */
  readonly access: Omit<ListenValues, 'address'>;
  readonly allowedClients: readonly string[];
  readonly trustedProxies: readonly string[];
}

/** The addresses of a configuration that was checked. A port 0 is another one each time. */
export function plannedListeners(sites: ConfigValues['site']): PlannedListener[] {
  const shared = new Map<string, PlannedListener>();
  Object.entries(sites).forEach(([site, { listen, host, allowedClients, trustedProxies }]) => {
    listen.forEach(({ address: text, ...access }, index) => {
      const address = parseListenAddress(text);
      const key = isAnyPort(address) ? `${site} ${index}` : formatListenAddress(address);
      const before = shared.get(key);
      const named = { site, hosts: host };
      shared.set(key, { address, access, allowedClients, trustedProxies, sites: [...(before?.sites ?? []), named] });
    });
  });
  return [...shared.values()];
}

/** What is known of an address when the next site names it. */
interface Shared {
  readonly listen: ListenAddress;
  readonly said: string;
  readonly first: string;
  /** Name -> the section that has it; "" is the one without names. */
  readonly hosts: Map<string, string>;
}

/**
 * Addresses that are none, that cannot be shared, or that strangers could reach.
 * @param isFaulty whether a key was found wrong already: what it says is then not known
 */
export function checkListeners(values: ConfigValues, folder: string, isFaulty: (path: Path) => boolean): Problem[] {
  const shared = new Map<string, Shared>();
  const problems: Problem[] = [];
  for (const one of listenersOf(values)) {
    const { path, text } = one;
    const faults = isFaulty(path) ? null : refused(() => parseListenAddress(absoluteAddress(text, folder)), path);
    problems.push(...(faults ?? []));
    if (faults === null || faults.length > 0) continue;
    const listen = parseListenAddress(absoluteAddress(text, folder));
    const say = (message: string): void =>
      void problems.push({ path, message: `${keyName(path)}: "${text}" ${message}` });
    checkAddress(one, listen, say);
    if (!isAnyPort(listen)) checkShared(one, listen, shared, say);
  }
  return problems;
}

function checkAddress({ path, site }: Listening, listen: ListenAddress, say: (message: string) => void): void {
  if (path[0] === 'admin' && listen.protocol !== 'http')
    say('cannot be: the admin pages are HTTP: write "127.0.0.1:2020"');
  if (listen.protocol === 'fastcgi' && site?.allowedClients.length === 0 && isReachable(listen.address))
    say('can be reached from other machines: set allowedClients, or listen on 127.0.0.1 or a Unix socket');
  if (listen.protocol === 'https' && site !== null && site.tls === undefined)
    say(
      `needs a certificate: add tls = { certificate = "...", key = "..." } (or "auto") to ${sectionName(path.slice(0, 2))}`,
    );
}

/** Several sites share an address by their names; the admin pages share none. */
function checkShared(
  one: Listening,
  listen: ListenAddress,
  all: Map<string, Shared>,
  say: (message: string) => void,
): void {
  const section = sectionName(one.path.slice(0, one.site === null ? 1 : 2));
  const key = formatListenAddress({ protocol: 'http', address: listen.address });
  const said = JSON.stringify([
    one.access,
    one.site?.allowedClients,
    one.access?.proxyProtocol && one.site?.trustedProxies,
  ]);
  const before = all.get(key);
  const hosts = one.site === null || one.site.host.length === 0 ? [''] : one.site.host;
  if (before === undefined) {
    all.set(key, { listen, said, first: section, hosts: new Map(hosts.map((host) => [host, section])) });
    return;
  }
  if (one.site === null || before.first === '[admin]') say(`is also that of ${before.first}`);
  else if (before.listen.protocol !== listen.protocol)
    say(`is also that of ${before.first}, with another protocol: one of the two needs another port`);
  else if (before.said !== said)
    say(
      `is also that of ${before.first}: owner, group, mode, proxyProtocol (with trustedProxies) and allowedClients must be the same there`,
    );
  else
    for (const host of hosts) {
      const owner = before.hosts.get(host);
      if (owner === undefined) before.hosts.set(host, section);
      else if (host === '')
        say(`is also that of ${owner}: sites that share an address need names: add host to one of them`);
      else say(`is also that of ${owner}, with the same name "${host}": a name is one site's`);
    }
}

const isAnyPort = ({ address }: ListenAddress): boolean => address.kind === 'tcp' && address.port === 0;

/** An address and where it is written. */
export interface Listening {
  readonly path: Path;
  readonly text: string;
  /** null: the admin pages'. */
  readonly site: ConfigValues['site'][string] | null;
  readonly access: Omit<ListenValues, 'address'> | null;
}

/** Every address of a configuration. */
export function listenersOf({ site, admin }: Pick<ConfigValues, 'site' | 'admin'>): Listening[] {
  const listeners: Listening[] = Object.entries(site).flatMap(([name, one]) =>
    one.listen.map(({ address, ...access }, index) => ({
      path: ['site', name, 'listen', index],
      text: address,
      site: one,
      access,
    })),
  );
  if (admin !== undefined) listeners.push({ path: ['admin', 'listen'], text: admin.listen, site: null, access: null });
  return listeners;
}
