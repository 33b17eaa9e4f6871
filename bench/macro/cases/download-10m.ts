// PHP that prints 10 MB: streaming out, with back-pressure.

import { loadCase } from '../load-case.ts';

export const download10m = loadCase({
  name: 'download-10m',
  title: 'PHP that prints 10 MB, 8 connections on 8 workers',
  path: '/download.php',
  headline: 'megabytesPerSecond',
  columns: ['megabytesPerSecond'],
  targets: [{ metric: 'megabytesPerSecond', of: 'nginx', atLeast: 0.8 }],
});
