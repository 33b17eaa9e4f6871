// The sites of a configuration that get their certificates by themselves: with which settings, and what is to be said of them before they are asked for.

import { resolve } from 'node:path';
import type { AcmeSettings } from '../acme/automatic-certificates.ts';
import type { Challenge } from '../acme/order.ts';
import type { Config } from '../config/config.ts';
import type { ConfigValues } from '../config/config-schema.ts';
import { type ListenAddress, parseListenAddress } from '../config/listen-address.ts';
import { storeFolder } from '../config/state-folder.ts';
import { usualDirectory } from '../config/usual-authority.ts';
import { certificatesOf } from '../tls/certificate.ts';
import type { ReadFile } from '../tls/certificate-files.ts';

/** What is found of them. */
export interface AcmeFinding {
  readonly site: string;
  readonly message: string;
}

/** Names of the sites that get certificates by themselves, by site. */
export function automaticNames({ site }: Pick<ConfigValues, 'site'>): ReadonlyMap<string, readonly string[]> {
  const sites = Object.entries(site).filter(([, { tls }]) => tls === 'auto');
  return new Map(sites.map(([name, { host }]) => [name, host]));
}

/** @throws what is wrong with the file of `ca` */
export async function acmeSettings({ values, folder }: Config, read: ReadFile): Promise<AcmeSettings> {
  const { acme } = values;
  const { directory, email = null, externalAccount = null, profile = null } = acme;
  const ca = acme.ca === undefined ? null : await read(resolve(folder, acme.ca));
  if (ca !== null && certificatesOf(ca, acme.ca!).length === 0)
    throw new Error(`${resolve(folder, acme.ca!)} holds no certificate in PEM`);
  const store = storeFolder(acme, folder);
  return { directory, ca, email, externalAccount, profile, store, challenges: challengesOf(values) };
}

/** The same text for the same settings. */
export function settingsKey({ ca, ...settings }: AcmeSettings): string {
  return JSON.stringify([settings, ca?.toString() ?? null]);
}

/** The ways in which an authority can be answered: by the listeners that there are, those first that it will find. */
export function challengesOf(values: Pick<ConfigValues, 'acme' | 'site'>): readonly Challenge[] {
  if (values.acme.challenges !== undefined) return values.acme.challenges;
  const addresses = listened(values);
  const hasPort = (protocol: string, port: number): boolean =>
    addresses.some((one) => one.protocol === protocol && one.address.kind === 'tcp' && one.address.port === port);
  const hasHttp = addresses.some(({ protocol }) => protocol === 'http');
  if (!hasHttp && addresses.length > 0) return ['tls-alpn-01'];
  return hasPort('http', 80) || !hasPort('https', 443) ? ['http-01', 'tls-alpn-01'] : ['tls-alpn-01', 'http-01'];
}

/** What may keep an authority from issuing. */
export function acmeFindings(values: Pick<ConfigValues, 'acme' | 'site'>): AcmeFinding[] {
  const names = automaticNames(values);
  if (names.size === 0) return [];
  const [first] = names.keys();
  const unfound = challengesOf(values).filter((way) => !isFound(way, listened(values)));
  const isFoundAtAll = unfound.length < challengesOf(values).length;
  const ways = unfound.map((way) => (way === 'http-01' ? 'port 80 ("http://:80")' : 'port 443 ("https://:443")'));
  return [
    ...(isFoundAtAll
      ? []
      : [
          {
            site: first!,
            message: `an authority looks at ${ways.join(' or ')}, and no listener has it: add it to listen, or pass that port on to one of ours`,
          },
        ]),
    ...[...names].flatMap(([site, hosts]) =>
      values.acme.directory === usualDirectory
        ? hosts.flatMap((host) =>
            isPublic(host)
              ? []
              : [
                  {
                    site,
                    message: `"${host}" is no public name, and no public authority issues for it: give tls files, or name another directory in [acme]`,
                  },
                ],
          )
        : [],
    ),
  ];
}

function isFound(way: Challenge, addresses: readonly ListenAddress[]): boolean {
  const [wanted, port] = way === 'http-01' ? ['http', 80] : ['https', 443];
  return addresses.some(
    ({ protocol, address }) => protocol === wanted && address.kind === 'tcp' && address.port === port,
  );
}

/** Ends of names that are nobody's in the public DNS (RFC 6761, RFC 6762, RFC 8375, RFC 9476, and .internal). */
const privateEnds = /(?:^|\.)(?:localhost|local|test|example|invalid|internal|lan|home|corp|intranet|arpa|alt|onion)$/;

export function isPublic(host: string): boolean {
  return host.includes('.') && !privateEnds.test(host);
}

function listened({ site }: Pick<ConfigValues, 'site'>): ListenAddress[] {
  return Object.values(site).flatMap(({ listen }) => listen.map(({ address }) => parseListenAddress(address)));
}
