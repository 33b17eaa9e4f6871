// Which requests the admin listener takes: those that name it by an address or a known name, and come from its own pages.
//
// A page elsewhere can make a browser send requests to 127.0.0.1. Its Origin gives it away; where it had its own name
// resolve to 127.0.0.1 (DNS rebinding), the Host does.

import { isIP } from 'node:net';

/** Why a request is not taken, in words; null: it is. */
export function refusal(host: string | undefined, origin: string | undefined, hosts: readonly string[]): string | null {
  const name = hostName(host);
  if (name === null) return 'there is no valid Host';
  if (!isKnown(name, hosts)) return `the Host "${name}" is not known here: add it to hosts in [admin]`;
  if (origin === undefined || origin === `http://${host}` || origin === `https://${host}`) return null;
  return 'it comes from the page of another site';
}

function isKnown(name: string, hosts: readonly string[]): boolean {
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    isIP(name) !== 0 ||
    hosts.some((one) => one.toLowerCase() === name)
  );
}

/** The name in a Host field, lower case, without port and brackets. */
function hostName(host: string | undefined): string | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(host ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase() ?? null;
}
