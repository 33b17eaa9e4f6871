// A page of 10 KB made by PHP.

import { loadCase } from '../load-case.ts';

export const page = loadCase({
  name: 'page',
  title: 'a page of 10 KB made by PHP, 8 connections on 8 workers',
  path: '/page.php',
  targets: [{ metric: 'requestsPerSecond', of: 'nginx', atLeast: 1 }],
});
