// What front threads are given of a configuration: ports that each of them can listen on, and its share of what holds for all.

import { createServer } from 'node:net';
import type { Unit } from '../backend/unit.ts';
import type { ConfigValues } from '../config/config-schema.ts';
import { formatListenAddress } from '../config/listen-address.ts';
import { plannedListeners } from '../config/listener-rules.ts';
import { listenOn } from '../connection/listen.ts';
import type { PlacesChange } from '../sites/bound-places.ts';
import type { FrontsConfig, ListenerPlace } from '../sites/fronts.ts';

/**
 * Finds the port of each address, in the order of the configuration; 0 for a socket file. One that nobody listens on yet is bound for a
 * moment, without sharing it: threads share their port (SO_REUSEPORT), and would share it with another service as well.
 * @param listened where the service listens already
 * @throws ADDRESS_IN_USE, CONFIG_INVALID
 */
async function findPorts(sites: ConfigValues['site'], listened: readonly Listened[]): Promise<number[]> {
  const ports: number[] = [];
  const left = [...listened];
  for (const { address: listen } of plannedListeners(sites)) {
    const { address } = listen;
    if (address.kind === 'unix') {
      ports.push(0);
      continue;
    }
    const key = formatListenAddress(listen);
    const known = left.findIndex((one) => one.key === key);
    if (known >= 0) {
      ports.push(left.splice(known, 1)[0]!.port);
      continue;
    }
    const server = createServer();
    const bound = await listenOn(server, address);
    await new Promise((resolve) => server.close(resolve));
    ports.push(bound.kind === 'tcp' ? bound.port : 0);
  }
  return ports;
}

/** Places on ports that so many threads share. @throws ADDRESS_IN_USE, CONFIG_INVALID */
export async function sharedPorts(
  sites: ConfigValues['site'],
  listened: readonly Listened[],
  threads: number,
): Promise<PlacesChange> {
  const ports = await findPorts(sites, listened);
  return { ports, byThread: Array.from({ length: threads }, () => ports), settle: () => {}, undo: () => {} };
}

/** An address that is listened on: as it was asked for, and its port. */
export interface Listened {
  readonly key: string;
  readonly port: number;
}

/** Where a service listens that has these ports. */
export function listenedOn(
  sites: ConfigValues['site'],
  ports: readonly number[],
): readonly (Listened & ListenerPlace)[] {
  return plannedListeners(sites).map(({ sites: named, address: listen }, at) => {
    const { address } = listen;
    const port = ports[at] ?? 0;
    const real = port !== 0 && address.kind === 'tcp' ? { ...address, port } : address;
    return { key: formatListenAddress(listen), port, sites: named, address: { ...listen, address: real } };
  });
}

/** What is in force: what a thread that takes the place of another begins with. */
export interface InForce {
  readonly config: FrontsConfig;
  /** The same as each thread is given it. */
  readonly sent: FrontsConfig;
  readonly ports: readonly number[];
  readonly units: ReadonlyMap<string, Unit>;
}

/** The same sites without an address. */
export function listeningNowhere({ values, ...config }: FrontsConfig): FrontsConfig {
  const sites = Object.entries(values.site).map(([name, site]) => [name, { ...site, listen: [] }]);
  return { ...config, values: { ...values, site: Object.fromEntries(sites) } };
}

/** The configuration for one of so many threads: what bounds the whole service is divided, since no thread sees what the others have. */
export function shareOfLimits({ file, folder, values, tls }: FrontsConfig, threads: number): FrontsConfig {
  const share = (limit: number): number => Math.ceil(limit / threads);
  const { service, site } = values;
  return {
    file,
    folder,
    tls,
    values: {
      ...values,
      service: { ...service, memoryBodies: share(service.memoryBodies) },
      site: Object.fromEntries(
        Object.entries(site).map(([name, one]) => [name, { ...one, spoolAnswers: share(one.spoolAnswers) }]),
      ),
    },
  };
}

/** Waits for all, however one ends. @throws the first failure */
export async function allOrFirstError<Value>(promises: readonly Promise<Value>[]): Promise<Value[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
