// A file of 1 KB, from the disk's cache.

import { loadCase } from '../load-case.ts';

export const static1k = loadCase({
  name: 'static-1k',
  title: 'a file of 1 KB, 8 connections',
  path: '/1k.txt',
  targets: [
    { metric: 'requestsPerSecond', of: 'caddy', atLeast: 1 },
    { metric: 'requestsPerSecond', of: 'nginx' },
  ],
});
