// The front page of WordPress, with its database: a real application.

import { loadCase } from '../load-case.ts';

export const wordpress = loadCase({
  name: 'wordpress',
  title: "WordPress's front page, 8 connections on 8 workers",
  stack: { site: 'wordpress' },
  path: '/',
  targets: [
    { metric: 'requestsPerSecond', of: 'nginx', atLeast: 1 },
    { metric: 'programMegabytes', of: 'nginx', atMost: 1.1 },
  ],
});
