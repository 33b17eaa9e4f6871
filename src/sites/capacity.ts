// How many connections of clients there may be: what a configuration says, within what the system allows.

import type { ConfigValues } from '../config/config-schema.ts';
import { keptOf } from '../front/accept-room.ts';
import type { ClientLimitValues } from '../front/client-limits.ts';

/** Connections at most, whatever the system allows. */
const mostConnections = 65_536;
const mostWaiting = 1_024;

/** How many connections clients may have open, so that half of what descriptors there are, 512 at most, are left: for workers, files, the log, control. */
export function connectionsFor(descriptors: number): number {
  return Math.min(mostConnections, descriptors - keptOf(descriptors));
}

/** What a front thread has open for itself: seven or so, and its listening sockets. */
const descriptorsOfThread = 10;

/**
 * The limits that a configuration sets, within what the system allows; those that wait take half of what is kept at most.
 * @param limit how many descriptors the process may have open
 * @param frontThreads how many there are besides the main one
 */
export function clientLimits(values: ConfigValues['service'], limit: number, frontThreads: number): ClientLimitValues {
  const descriptors = Math.max(2, limit - frontThreads * descriptorsOfThread);
  const { maxConnections, maxConnectionsPerClient, minBodyRate, maxRequests } = values;
  const times = { headTimeoutMs: values.headTimeout, keepAliveTimeoutMs: values.keepAliveTimeout };
  const most = connectionsFor(descriptors);
  const served = maxConnections === 0 ? most : Math.min(maxConnections, most);
  const maxWaiting = Math.min(mostWaiting, most - served + Math.floor(keptOf(descriptors) / 2));
  return { maxConnections: served, maxConnectionsPerClient, minBodyRate, maxWaiting, ...times, maxRequests };
}
