// The peers of the bench, in the order of the tables.

import type { Peer } from '../peer.ts';
import { apacheFcgid, apacheFpm } from './apache.ts';
import { caddy } from './caddy.ts';
import { lighttpd } from './lighttpd.ts';
import { nginx, nginxKeepalive } from './nginx.ts';
import { postern, posternThreads } from './postern.ts';

export const peers: readonly Peer[] = [
  postern,
  posternThreads,
  nginx,
  nginxKeepalive,
  apacheFcgid,
  apacheFpm,
  lighttpd,
  caddy,
];
