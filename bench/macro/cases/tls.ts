// The same URLs by TLS: with a new connection for each request, on kept ones over HTTP/1.1, and on kept ones over HTTP/2.

import type { Case } from '../case.ts';
import { loadCase } from '../load-case.ts';

const peers = ['postern', 'nginx', 'apache-fpm', 'lighttpd', 'caddy'];
const asBrowsers = ['Accept-Encoding: gzip'];

const paths = [
  ['hello', '/hello.php', 'one line of PHP'],
  ['static-1k', '/1k.txt', 'a file of 1 KB'],
  ['page', '/page.php', 'a page of 10 KB made by PHP, compressed'],
] as const;

const newConnections = loadCase({
  name: 'tls-new',
  title: 'a file of 1 KB by TLS, with a new connection each time (1.3, a key of P-256), 8 at a time',
  stack: { secure: true },
  path: '/1k.txt',
  by: 'https',
  fields: ['Connection: close'],
  // V8 has compiled this path after some 20,000 connections; before, one costs up to twice as much.
  warmUpSeconds: 25,
  targets: [
    { metric: 'requestsPerSecond', of: 'nginx', atLeast: 0.8 },
    { metric: 'requestsPerSecond', of: 'caddy', atLeast: 1 },
  ],
});

const kept = paths.map(([name, path, what]) =>
  loadCase({
    name: `tls-${name}`,
    title: `${what}, by TLS and HTTP/1.1, 8 kept connections`,
    stack: { secure: true },
    path,
    by: 'https',
    fields: asBrowsers,
    targets: [
      { metric: 'requestsPerSecond', of: 'caddy', atLeast: 1 },
      { metric: 'requestsPerSecond', of: 'nginx' },
    ],
  }),
);

const keptHttp2 = paths.map(([name, path, what]) =>
  loadCase({
    name: `tls-${name}-h2`,
    title: `${what}, by TLS and HTTP/2, 8 kept connections with 10 requests at a time`,
    stack: { secure: true },
    path,
    by: 'http2',
    fields: asBrowsers,
    targets: [
      { metric: 'requestsPerSecond', of: 'nginx', atLeast: 0.6 },
      { metric: 'requestsPerSecond', of: 'caddy', atLeast: 1 },
    ],
  }),
);

export const tlsCases: readonly Case[] = [newConnections, ...kept, ...keptHttp2].map((one) => ({ ...one, peers }));
