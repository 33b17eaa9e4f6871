// A POST of 10 MB that PHP reads to its end.

import { loadCase } from '../load-case.ts';

export const upload10m = loadCase({
  name: 'upload-10m',
  title: 'a POST of 10 MB that PHP reads, 8 connections on 8 workers',
  path: '/upload/count.php',
  bodyBytes: 10_000_000,
  headline: 'megabytesPerSecond',
  columns: ['megabytesPerSecond'],
  targets: [{ metric: 'megabytesPerSecond', of: 'nginx', atLeast: 0.8 }],
});
