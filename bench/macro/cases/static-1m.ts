// A file of 1 MB, from the disk's cache.

import { loadCase } from '../load-case.ts';

export const static1m = loadCase({
  name: 'static-1m',
  title: 'a file of 1 MB, 8 connections',
  path: '/1m.txt',
  targets: [
    { metric: 'requestsPerSecond', of: 'caddy', atLeast: 1 },
    { metric: 'requestsPerSecond', of: 'nginx' },
  ],
});
