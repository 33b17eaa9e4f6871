// One line of PHP: what the way to PHP and back costs.

import { loadCase } from '../load-case.ts';

export const hello = loadCase({
  name: 'hello',
  title: 'one line of PHP, 8 connections on 8 workers',
  path: '/hello.php',
  targets: [
    { metric: 'requestsPerSecond', of: 'nginx', atLeast: 1 },
    { metric: 'requestsPerSecond', of: 'nginx-keepalive', atLeast: 0.95 },
    { metric: 'requestsPerSecond', of: 'apache-fcgid', atLeast: 1.7 },
    { metric: 'requestsPerSecond', of: 'caddy', atLeast: 2.8 },
    { metric: 'serverMicros', of: 'nginx', atMost: 1 },
  ],
});
