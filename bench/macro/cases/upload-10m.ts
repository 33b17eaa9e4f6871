// A PUT of 10 MB that PHP reads to its end: Debian's PHP warns of a POST of more than 8 MB, each time.

import { loadCase } from '../load-case.ts';

export const upload10m = loadCase({
  name: 'upload-10m',
  title: 'a PUT of 10 MB that PHP reads, 8 connections on 8 workers',
  path: '/upload.php',
  bodyBytes: 10_000_000,
  headline: 'megabytesPerSecond',
  columns: ['megabytesPerSecond'],
  targets: [{ metric: 'megabytesPerSecond', of: 'nginx', atLeast: 0.8 }],
});
